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

const compare = (a, b) => a < b ? -1 : a > b ? 1 : 0;

/** Which of two rows of a group comes first. */
function before(a, b) {
  const value = VALUES[order.key];
  return (order.down ? -1 : 1) * compare(value(a), value(b)) || compare(a.place, b.place);
}

function sort(key, down) {
  order = { key, down };
  for (const heading of all('th', table)) {
    if (heading.dataset.key === key) heading.ariaSort = down ? 'descending' : 'ascending';
    else heading.removeAttribute('aria-sort');
  }
  if (key === 'name' && !down && !moved) return; // as it came
  moved = true;
  for (const group of table.tBodies) {
    const rows = [...group.rows].sort(before);
    if (rows.some((row, place) => row !== group.rows[place])) group.append(...rows);
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

async function refresh() {
  const answer = await fetch(location.pathname + location.search, { headers: { Accept: 'text/html' } });
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html');
  const focused = document.activeElement?.getAttribute('href');
  const known = new Map(entries.map(row => [identity(row), row]));
  for (const kind of ['folders', 'files']) {
    const rows = [...fresh.querySelectorAll(`.entries tbody.${kind} tr`)]
      // a page that stays open shows one picture a URL: the preview of a newer one needs another
      .map(row => known.get(identity(row)) ?? Object.assign(document.adoptNode(row), { version: `?v=${row.dataset.time}` }));
    const group = one(`tbody.${kind}`, table) ?? table.appendChild(element('tbody', { className: kind }));
    // only what differs is touched, so nothing that stays flickers or scrolls away
    const stay = new Set(rows);
    for (const row of [...group.rows]) if (!stay.has(row)) row.remove();
    for (const [at, row] of rows.entries()) row.place = at;
    rows.sort(before);
    for (const [at, row] of rows.entries()) if (group.rows[at] !== row) group.insertBefore(row, group.rows[at] ?? null);
  }
  one('.empty')?.remove();
  const empty = fresh.querySelector('.empty');
  if (empty) table.before(document.adoptNode(empty));
  table.dataset.state = fresh.querySelector('.entries').dataset.state;
  entries = all('tbody tr', table);
  moved = true;
  table.hidden = one('.tools').hidden = !entries.length;
  sift();
  if (focused && document.activeElement?.getAttribute('href') !== focused) {
    visible().find(link => link.getAttribute('href') === focused)?.focus({ preventScroll: true });
  }
}

place();
if (filter.value) sift(); // as after Back
show(recall('view') === 'table' ? 'table' : 'grid');
one('.tools').hidden = table.hidden;
const [key, direction] = (recall('sort') ?? 'name up').split(' ');
sort(key in VALUES ? key : 'name', direction === 'down');
