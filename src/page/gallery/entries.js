// The entries of a folder: their view, their order and the filter. Names are only ever read and written as text.
// Everything known about an entry is in its row.

const root = document.documentElement;
const one = (selector, within = document) => within.querySelector(selector);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const quietly = use => { try { return use(); } catch { return null; } }; // storage may be disabled
const remember = (key, value) => quietly(() => localStorage.setItem(`devmedia.${key}`, value));
const recall = key => quietly(() => localStorage.getItem(`devmedia.${key}`));

const table = one('.entries');
const filter = one('.filter');
const link = row => one('a', row);
const name = row => link(row).textContent;
const href = row => link(row).getAttribute('href');
const bare = url => url.replace(/\/$/, '');

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/* The view: grid or table. */

function show(view) {
  root.dataset.view = view;
  remeasure();
  for (const button of all('.views button')) button.setAttribute('aria-pressed', button.dataset.view === view);
}

for (const button of all('.views button')) {
  button.onclick = () => {
    show(button.dataset.view);
    remember('view', button.dataset.view);
  };
}

/* Rows that are not drawn get the height of those that are, so that the scrollbar is right. */

function measure() {
  for (const group of table.tBodies) {
    const rows = [];
    for (const row of group.rows) {
      if (rows.length === 24) break;
      if (row.checkVisibility({ contentVisibilityAuto: true })) rows.push(row);
    }
    if (!rows.length) continue;
    const { paddingTop, paddingBottom } = getComputedStyle(rows[0]);
    const height = rows.reduce((sum, row) => sum + row.getBoundingClientRect().height, 0) / rows.length;
    const content = height - parseFloat(paddingTop) - parseFloat(paddingBottom);
    group.style.setProperty('--row', `${Math.round(content * 64) / 64}px`); // browsers round layout to 1/64
  }
}

/** Measures after the layout has changed. Browsers remember the height of each row, and forget it while it is always drawn. */
function remeasure() {
  const rows = [...drawn];
  drawn.clear();
  for (const row of rows) row.style.contentVisibility = 'visible';
  measure();
  requestAnimationFrame(() => requestAnimationFrame(() => {
    for (const row of rows) row.style.contentVisibility = '';
    measure();
  }));
}

// the first rows may have been drawn before this script ran
const drawn = new Set([...table.tBodies].flatMap(group => [...group.rows].slice(0, 100)));
table.addEventListener('contentvisibilityautostatechange', ({ target, skipped }) => {
  if (!skipped) drawn.add(target);
}, true);

const bar = one('.bar');
let width = 0;
new ResizeObserver(() => {
  root.style.setProperty('--bar-height', `${bar.offsetHeight}px`);
  if (table.clientWidth === width) return;
  width = table.clientWidth;
  remeasure();
}).observe(bar);

// a drawing without its own size is as large as its field allows
table.addEventListener('load', ({ target }) => {
  const { naturalWidth, naturalHeight } = target;
  if (target.matches('.vector') && naturalHeight) target.style.setProperty('--ratio', naturalWidth / naturalHeight);
}, true);

/* The order. Names are sorted by the rules of the reader's language, and numbers by value. Folders have their own group, so they
   stay first. The server's order is nearly the same. */

const collator = new Intl.Collator(undefined, { numeric: true });
const compare = (a, b) => a < b ? -1 : a > b ? 1 : 0;
const label = row => row.label ??= bare(name(row));
const byName = (a, b) => collator.compare(label(a), label(b)) || compare(label(a), label(b));

const VALUES = {
  type: row => row.dataset.type ?? '',
  size: row => Number(row.dataset.size ?? -1),
  time: row => Number(row.dataset.time ?? 0),
};
let order = { key: 'name', down: false };

/** Compares two rows of a group. */
function before(a, b) {
  const value = VALUES[order.key];
  const sign = order.down ? -1 : 1;
  return value ? sign * compare(value(a), value(b)) || byName(a, b) : sign * byName(a, b);
}

function sort(key, down) {
  order = { key, down };
  for (const heading of all('th', table)) {
    if (heading.dataset.key === key) heading.ariaSort = down ? 'descending' : 'ascending';
    else heading.removeAttribute('aria-sort');
  }
  for (const group of table.tBodies) {
    const rows = [...group.rows];
    if (rows.some((row, at) => at > 0 && before(rows[at - 1], row) > 0)) group.append(...rows.sort(before));
  }
}

for (const heading of all('th', table)) {
  const button = document.createElement('button');
  button.type = 'button';
  button.textContent = heading.textContent;
  button.onclick = () => {
    const { key } = heading.dataset;
    // people look for the newest or the largest file more often than for the oldest or the smallest
    const down = order.key === key ? !order.down : key === 'time' || key === 'size';
    sort(key, down);
    remember('sort', `${key} ${down ? 'down' : 'up'}`);
  };
  heading.replaceChildren(button);
}

/* The filter, and the count that screen readers announce. */

const plural = (count, one, many) => count === 1 ? `1 ${one}` : `${count} ${many}`;

let entries = [];

/** Removes case and accents from a text. */
const fold = text => text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();

function sift() {
  const words = fold(filter.value).split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const row of entries) {
    row.text ??= fold(name(row));
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

/* The keyboard: arrow keys move between entries, "/" focuses the filter. */

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

/* Applies changes of the folder to the open page. Unchanged rows stay, with their loaded images. */

const identity = row => [href(row), row.dataset.type, row.dataset.size, row.dataset.time].join('\n');
const groupOf = kind => one(`tbody.${kind}`, table) ?? table.appendChild(element('tbody', { className: kind }));

/** Fetches the rows of this folder. `query` selects the entries. */
async function rowsOf(query) {
  const answer = await fetch(location.pathname + query, { headers: { Accept: 'text/html' } });
  if (!answer.ok) return null;
  const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
  const known = new Map(entries.map(row => [identity(row), row]));
  const rows = kind => [...page.querySelectorAll(`.entries tbody.${kind} tr`)]
    // an open page caches one image per URL: a newer preview needs another URL
    .map(row => known.get(identity(row)) ?? Object.assign(document.adoptNode(row), { version: `?v=${row.dataset.time}` }));
  return { page, folders: rows('folders'), files: rows('files') };
}

/** Reads the whole folder again. */
async function refresh() {
  const fresh = await rowsOf(location.search);
  if (!fresh) return false;
  for (const kind of ['folders', 'files']) {
    const rows = fresh[kind].sort(before);
    const group = groupOf(kind);
    // touch only the differences, so that the rest neither flickers nor scrolls away
    const stay = new Set(rows);
    for (const row of [...group.rows]) if (!stay.has(row)) row.remove();
    for (const [at, row] of rows.entries()) if (group.rows[at] !== row) group.insertBefore(row, group.rows[at] ?? null);
  }
  one('.empty')?.remove();
  const empty = fresh.page.querySelector('.empty');
  if (empty) table.before(document.adoptNode(empty));
  table.dataset.state = fresh.page.querySelector('.entries').dataset.state;
  return true;
}

/** Reads only these entries again. `changes` maps URLs relative to the folder, without a slash, to what happened. */
async function update(changes) {
  const wanted = [...changes].filter(([, kind]) => kind !== 'removed').map(([url]) => `only=${url}`);
  const fresh = wanted.length ? await rowsOf(`?${wanted.join('&')}`) : { folders: [], files: [] };
  if (!fresh) return false;
  const stay = new Set([...fresh.folders, ...fresh.files]);
  for (const row of entries) if (changes.has(bare(href(row))) && !stay.has(row)) row.remove();
  for (const kind of ['folders', 'files']) for (const row of fresh[kind]) if (!row.isConnected) insert(groupOf(kind), row);
  if (stay.size) one('.empty')?.remove();
  // the server creates the page of an empty folder
  return one('tbody tr', table) || one('.empty') ? true : refresh();
}

/** Inserts a row at its place in the sort order. */
function insert(group, row) {
  let [low, high] = [0, group.rows.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (before(group.rows[middle], row) < 0) low = middle + 1;
    else high = middle;
  }
  group.insertBefore(row, group.rows[low] ?? null);
}

/** Applies changes with one of the two functions. The focus stays on its entry. */
async function apply(change) {
  const focused = document.activeElement?.getAttribute('href');
  if (!await change()) return false;
  entries = all('tbody tr', table);
  table.hidden = one('.tools').hidden = !entries.length;
  sift();
  measure();
  if (focused && document.activeElement?.getAttribute('href') !== focused) {
    visible().find(link => link.getAttribute('href') === focused)?.focus({ preventScroll: true });
  }
  return true;
}

entries = all('tbody tr', table);
if (filter.value) sift(); // for example after Back
show(recall('view') === 'table' ? 'table' : 'grid');
one('.tools').hidden = table.hidden;
const [key, direction] = (recall('sort') ?? 'name up').split(' ');
sort(key in VALUES ? key : 'name', direction === 'down');
measure();
