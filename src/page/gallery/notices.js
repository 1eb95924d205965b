
/* Notices: one line for each reason why the page is not what a person takes it for. */

const notices = new Map();

/** Shows a line under this key; an empty text takes it away. `more` is an element after the text. */
function notice(key, text, more) {
  const known = notices.get(key);
  if ((known?.text ?? '') === text) return;
  if (text) notices.set(key, { text, more });
  else notices.delete(key);
  for (const place of all('.notices')) {
    place.replaceChildren(...[...notices].map(([key, { text, more }]) => {
      const line = element('p', {}, element('span', {}, text, ...more ? [' ', more.cloneNode(true)] : []));
      // the others are true until they are over
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

/** Why this URL cannot be read, in the server's own words; `null` where it can be. */
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
    stop.abort(); // only the head is wanted, and a stream never ends
  }
}
