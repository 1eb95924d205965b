
/* Notices: one line for each reason why the page is not up to date. */

const notices = new Map();

/** Shows a line for this key. An empty text removes it. `more` is an element after the text. */
function notice(key, text, more) {
  const known = notices.get(key);
  if ((known?.text ?? '') === text) return;
  if (text) notices.set(key, { text, more });
  else notices.delete(key);
  for (const place of all('.notices')) {
    place.replaceChildren(...[...notices].map(([key, { text, more }]) => {
      const line = element('p', {}, element('span', {}, text, ...more ? [' ', more.cloneNode(true)] : []));
      // the others stay until their reason is gone
      if (key === 'file') {
        const close = element('button', { type: 'button', title: 'Hide this line' }, one('.i-close').cloneNode(true));
        close.append(element('span', { className: 'unseen', textContent: 'Hide this line' }));
        close.onclick = () => notice('file', '');
        line.append(close);
      }
      return line;
    }));
  }
}

const AWAY = 'devmedia does not answer: it has stopped, or the connection is lost.';

/** The server's reason why this URL cannot be read, or `null` if it can be. */
async function trouble(url) {
  const stop = new AbortController();
  try {
    const answer = await fetch(url, {
      headers: { Accept: 'application/json', Range: 'bytes=0-0' }, cache: 'no-store', signal: stop.signal,
    });
    if (answer.ok) return null;
    const { reason, advice, meant } = await answer.json().catch(() => ({}));
    return { status: answer.status, reason: reason ?? `The server answered ${answer.status}.`, advice, meant };
  } catch {
    return { status: 0, reason: AWAY, advice: 'Is it still running?' };
  } finally {
    stop.abort(); // only the head is needed, and a stream never ends
  }
}
