
/* Live updates: changes of the folder appear in the page. A browser has six connections per host for all tabs, so a hidden
   tab has none. When it is shown again, the server says at once whether it missed something. */

const news = one('.news');
let source = null;
let again;
let reading = false;
let changes = new Map(); // maps URLs relative to the folder, without a slash, to what happened
let everything = false; // the whole folder must be read again
let missed = false; // something could not be read

/** Reads what has changed. Repeats if something changes meanwhile, and never runs twice at a time. */
async function renew() {
  if (reading) return;
  reading = true;
  const known = new Set(entries);
  let whole = false;
  while (everything || changes.size) {
    const now = changes;
    // a query has a limited length
    whole = everything || [...now.keys()].join().length > 4000;
    [changes, everything] = [new Map(), false];
    const read = await apply(() => whole ? refresh() : update(now)).catch(() => false);
    missed = !read;
    if (read) notice('folder', '');
    else await doubt();
  }
  reading = false;
  const come = entries.filter(row => !known.has(row));
  if (whole && come.length) announce({ name: name(come.at(-1)), kind: 'created' });
  reopen(come);
}

/** Reads the whole folder again. */
function renewAll() {
  everything = true;
  renew();
}

/** The page may be out of date: finds out why, and shows the reason. */
async function doubt() {
  const problem = await trouble(`${location.pathname}?events`);
  notice('server', problem?.status === 0 ? `${AWAY} This page shows the folder as it was.` : '');
  const silent = problem?.status === 503 ? 'This page does not update by itself.' : 'This page shows the folder as it was.';
  notice('folder', problem?.status ? `${problem.reason} ${silent}` : '');
}

/** Announces a change to screen readers. */
function announce({ name, kind }) {
  news.textContent = `${name} was ${{ created: 'added', modified: 'changed', removed: 'removed' }[kind]}.`;
}

function listen() {
  // a bucket does not report changes
  if ('still' in table.dataset) return;
  clearTimeout(again);
  if (document.hidden) {
    source?.close();
    source = null;
  } else if (!source) {
    source = new EventSource(`${location.pathname}?events=${table.dataset.state}`);
    source.onopen = () => {
      notice('server', '');
      notice('folder', '');
      if (missed) renewAll();
    };
    source.addEventListener('change', event => {
      const change = JSON.parse(event.data);
      announce(change);
      changes.set(bare(change.url).split('/').at(-1), change.kind);
      // only the last of several events has a new id: that of the resulting state
      if (event.lastEventId === table.dataset.state) return;
      table.dataset.state = event.lastEventId;
      renew();
    });
    source.addEventListener('refresh', renewAll);
    // the browser reconnects by itself if possible, but not after an error status
    source.onerror = ({ target }) => {
      if (target !== source) return;
      doubt();
      if (target.readyState !== EventSource.CLOSED) return;
      source = null;
      again = setTimeout(listen, 5000);
    };
  }
}

document.addEventListener('visibilitychange', listen);
addEventListener('pagehide', () => source?.close());
addEventListener('pageshow', event => {
  if (!event.persisted) return;
  source = null;
  listen();
});
listen();
