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
  name: row => Number(row.dataset.place),
  type: row => row.dataset.type ?? '',
  size: row => Number(row.dataset.size ?? -1),
  time: row => Number(row.dataset.time ?? 0),
};
let order = { key: 'name', down: false };

function sort(key, down) {
  order = { key, down };
  for (const heading of all('th', table)) {
    if (heading.dataset.key === key) heading.ariaSort = down ? 'descending' : 'ascending';
    else heading.removeAttribute('aria-sort');
  }
  const value = VALUES[key];
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

const plural = (count, one, many) => count === 1 ? `1 ${one}` : `${count.toLocaleString('en')} ${many}`;

function sift() {
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  const rows = all('tbody tr', table);
  let shown = 0;
  for (const row of rows) {
    const text = words.length && name(row).toLowerCase();
    row.hidden = !words.every(word => text.includes(word));
    if (!row.hidden) shown += 1;
  }
  const files = rows.filter(row => 'type' in row.dataset).length;
  const parts = [[rows.length - files, 'folder', 'folders'], [files, 'file', 'files']].filter(([count]) => count);
  one('.count').textContent = words.length
    ? `${shown.toLocaleString('en')} of ${rows.length.toLocaleString('en')} shown`
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

const place = () => all('tbody tr', table).forEach((row, place) => { row.dataset.place = place; });
const identity = row => [link(row).getAttribute('href'), row.dataset.type, row.dataset.size, row.dataset.time].join('\n');

export async function refresh() {
  const answer = await fetch(location.pathname + location.search, { headers: { Accept: 'text/html' } });
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html');
  const focused = document.activeElement?.getAttribute('href');
  const known = new Map(all('tbody tr', table).map(row => [identity(row), row]));
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
  table.hidden = !all('tbody tr', table).length;
  place();
  sort(order.key, order.down);
  sift();
  if (focused) visible().find(link => link.getAttribute('href') === focused)?.focus();
}

place();
show(recall('view') === 'table' ? 'table' : 'grid');
one('.tools').hidden = false;
const [key, direction] = (recall('sort') ?? 'name up').split(' ');
sort(key in VALUES ? key : 'name', direction === 'down');
