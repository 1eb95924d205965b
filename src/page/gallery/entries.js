// The entries of a folder: their view, their order, which of them are shown. Names are only ever read and written as
// text; whatever is known of an entry stands in its row.

const root = document.documentElement;
const one = (selector, within = document) => within.querySelector(selector);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const quietly = use => { try { return use(); } catch { return null; } }; // storage may be turned off
const remember = (key, value) => quietly(() => localStorage.setItem(`devmedia.${key}`, value));
const recall = key => quietly(() => localStorage.getItem(`devmedia.${key}`));

const table = one('.entries');
const filter = one('.filter');
const link = row => one('a', row);
const name = row => link(row).textContent;

/* The view: grid or table. */

function show(view) {
  root.dataset.view = view;
  for (const button of all('.views button')) button.setAttribute('aria-pressed', button.dataset.view === view);
}

for (const button of all('.views button')) {
  button.onclick = () => {
    show(button.dataset.view);
    remember('view', button.dataset.view);
  };
}

/* The order. The server's is by name; folders have their own group, so they stay first. */

const VALUES = {
  name: row => row.place,
  type: row => row.dataset.type ?? '',
  size: row => Number(row.dataset.size ?? -1),
  time: row => Number(row.dataset.time ?? 0),
};
let order = { key: 'name', down: false };
let moved = false;

function sort(key, down) {
  order = { key, down };
  for (const heading of all('th', table)) {
    if (heading.dataset.key === key) heading.ariaSort = down ? 'descending' : 'ascending';
    else heading.removeAttribute('aria-sort');
  }
  const value = VALUES[key];
  if (key === 'name' && !down && !moved) return; // as it came
  moved = true;
  for (const group of table.tBodies) {
    const rows = [...group.rows].map(row => [value(row), VALUES.name(row), row]);
    const before = (a, b) => a < b ? -1 : a > b ? 1 : 0;
    rows.sort((a, b) => (down ? -1 : 1) * before(a[0], b[0]) || before(a[1], b[1]));
    if (rows.some(([, , row], place) => row !== group.rows[place])) group.append(...rows.map(([, , row]) => row));
  }
}

for (const heading of all('th', table)) {
  const button = document.createElement('button');
  button.type = 'button';
  button.textContent = heading.textContent;
  button.onclick = () => {
    const { key } = heading.dataset;
    // what is newest or largest is looked for more often than what is oldest or smallest
    const down = order.key === key ? !order.down : key === 'time' || key === 'size';
    sort(key, down);
    remember('sort', `${key} ${down ? 'down' : 'up'}`);
  };
  heading.replaceChildren(button);
}

/* The filter, and the count that a screen reader hears. */

const plural = (count, one, many) => count === 1 ? `1 ${one}` : `${count} ${many}`;

let entries = []; // in the server's order

function sift() {
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const row of entries) {
    row.text ??= name(row).toLowerCase();
    const hidden = !words.every(word => row.text.includes(word));
    if (row.hidden !== hidden) row.hidden = hidden;
    if (!hidden) shown += 1;
  }
  const files = entries.filter(row => 'type' in row.dataset).length;
  const parts = [[entries.length - files, 'folder', 'folders'], [files, 'file', 'files']].filter(([count]) => count);
  one('.count').textContent = words.length
    ? `${shown} of ${entries.length} shown`
    : parts.map(part => plural(...part)).join(', ');
  one('.none').hidden = shown > 0 || !words.length;
}

filter.oninput = sift;

/* The keyboard: arrows go from entry to entry in the direction they point to, "/" goes to the filter. */

const visible = () => all('tbody tr:not([hidden]) a', table);

function nearest(from, key) {
  const links = visible();
  const at = links.indexOf(from);
  if (at < 0) return links[0];
  if (key === 'Home') return links[0];
  if (key === 'End') return links.at(-1);
  if (key === 'ArrowLeft') return links[at - 1];
  if (key === 'ArrowRight') return links[at + 1];
  const place = link => link.closest('tr').getBoundingClientRect();
  const down = key === 'ArrowDown';
  const start = place(from);
  let best, row, distance = Infinity;
  for (let next = at + (down ? 1 : -1); links[next]; next += down ? 1 : -1) {
    const box = place(links[next]);
    if (down ? box.top < start.bottom - 1 : box.bottom > start.top + 1) continue;
    row ??= box.top;
    if (Math.abs(box.top - row) > 1) break;
    const off = Math.abs(box.left - start.left);
    if (off < distance) [best, distance] = [links[next], off];
  }
  return best;
}

addEventListener('keydown', event => {
  if (event.ctrlKey || event.metaKey || event.altKey || one('dialog[open]')) return;
  if (event.target === filter) {
    if (event.key === 'Escape' && filter.value) {
      filter.value = '';
      sift();
    } else if (event.key === 'Escape') filter.blur();
    else if (event.key === 'ArrowDown' || event.key === 'Enter') visible()[0]?.focus();
    else return;
  } else if (event.key === '/') {
    filter.select();
  } else if (/^(Arrow|Home$|End$)/.test(event.key)) {
    const next = nearest(document.activeElement, event.key);
    if (!next) return;
    next.focus();
    next.closest('tr').scrollIntoView({ block: 'nearest' });
  } else return;
  event.preventDefault();
});

/* What the folder holds now, put into the open page: unchanged rows stay, with what they have loaded. */

function place() {
  entries = all('tbody tr', table);
  for (const [at, row] of entries.entries()) row.place = at;
}
const identity = row => [link(row).getAttribute('href'), row.dataset.type, row.dataset.size, row.dataset.time].join('\n');

export async function refresh() {
  const answer = await fetch(location.pathname + location.search, { headers: { Accept: 'text/html' } });
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html');
  const focused = document.activeElement?.getAttribute('href');
  const known = new Map(entries.map(row => [identity(row), row]));
  const groups = [...fresh.querySelectorAll('.entries tbody')].map(group => {
    const rows = [...group.rows].map(row => known.get(identity(row)) ?? document.adoptNode(row));
    const kept = document.adoptNode(group.cloneNode(false));
    kept.append(...rows);
    return kept;
  });
  for (const group of [...table.tBodies]) group.remove();
  table.append(...groups);
  one('.empty')?.remove();
  if (!visible().length && fresh.querySelector('.empty')) table.before(document.adoptNode(fresh.querySelector('.empty')));
  place();
  table.hidden = one('.tools').hidden = !entries.length;
  sort(order.key, order.down);
  sift();
  if (focused) visible().find(link => link.getAttribute('href') === focused)?.focus();
}

place();
if (filter.value) sift(); // as after Back
show(recall('view') === 'table' ? 'table' : 'grid');
one('.tools').hidden = table.hidden;
const [key, direction] = (recall('sort') ?? 'name up').split(' ');
sort(key in VALUES ? key : 'name', direction === 'down');
