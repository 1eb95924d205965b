
/* Live: what changes in the folder changes in the page. A browser has six connections a host, for all its tabs, so a tab
   that nobody sees has none; when it is seen again, the server says at once whether it missed something. */

const news = one('.news');
let source = null;
let again;
let reading = false;
let stale = false;

/** Reads the folder anew; once more if something changes meanwhile, never twice at a time. */
async function renew() {
  stale = true;
  if (reading) return;
  reading = true;
  while (stale) {
    stale = false;
    try {
      await refresh();
    } catch { /* the server is away: it says what was missed when it is back */ }
  }
  reading = false;
  reopen();
}

/** What a screen reader says when it has nothing else to say. */
function announce({ name, kind }) {
  news.textContent = `${name} was ${{ created: 'added', modified: 'changed', removed: 'removed' }[kind]}.`;
}

function listen() {
  clearTimeout(again);
  if (document.hidden) {
    source?.close();
    source = null;
  } else if (!source) {
    source = new EventSource(`${location.pathname}?events=${table.dataset.state}`);
    source.addEventListener('change', event => {
      announce(JSON.parse(event.data));
      renew();
    });
    source.addEventListener('refresh', renew);
    // it comes back by itself where it can; not after a refusal
    source.onerror = ({ target }) => {
      if (target.readyState !== EventSource.CLOSED || target !== source) return;
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
