
/* The preview of one file. It has a URL of its own, `#/name`, so that a link can open it and Back closes it. */

const preview = one('.preview');
const stage = one('.stage', preview);
const act = name => one(`[data-act=${name}]`, preview);
const TEXT = 64 * 1024;
let current = null;

const previews = () => all('tbody tr[data-type]:not([hidden])', table);
const address = row => `#/${href(row)}`;

/** A large icon of a kind of file, with an element below it. */
function card(icon, ...below) {
  const drawing = one('.i-close').cloneNode(true);
  drawing.setAttribute('class', `i i-${icon}`);
  one('use', drawing).setAttribute('href', `#i-${icon}`);
  return element('div', { className: 'card' }, drawing, ...below);
}

/** The icon for a file: the one in its row, or else by its type. */
function iconOf(row, type) {
  const drawn = one('.thumbnail .i', row)?.getAttribute('class').match(/i-(\S+)/)?.[1];
  const kind = type.split('/')[0];
  const byType = { image: 'picture', video: 'video', audio: 'audio', font: 'font', model: 'model', text: 'text' }[kind];
  return drawn && drawn !== 'file' ? drawn : byType ?? 'file';
}

function size(count) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = Math.min(Math.floor(Math.log2(Math.max(count, 1)) / 10), 4);
  return `${(count / 1024 ** power).toLocaleString('en', { maximumFractionDigits: power ? 1 : 0 })} ${units[power]}`;
}

function clock(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}

/** Fills the stage. `tell` receives facts about the file, `is` returns whether the file is still shown. */
async function fill(row, type, url, tell, is) {
  const sorry = (icon, ...words) =>
    is() && stage.replaceChildren(card(icon, ...words.filter(Boolean).map(textContent => element('p', { textContent }))));
  // the file may be damaged, or may have been removed: the server knows
  const failed = async (icon, words) => {
    const problem = await trouble(url);
    sorry(icon, ...problem ? [problem.reason, problem.advice] : [words]);
  };
  const kind = type.split('/')[0];
  const play = kind => {
    const player = element(kind, { controls: true, preload: 'metadata', src: url });
    player.onloadedmetadata = () => tell(
      player.videoWidth ? `${player.videoWidth} × ${player.videoHeight}` : '',
      Number.isFinite(player.duration) ? clock(player.duration) : '',
    );
    player.onerror = () => failed(kind, `This browser cannot play the ${kind}.`);
    stage.replaceChildren(kind === 'video' ? player : card('audio', player));
  };
  if (kind === 'image') {
    const image = element('img', { alt: '', src: url, className: type === 'image/svg+xml' ? 'vector' : '', draggable: false });
    image.onload = () => {
      const { naturalWidth: width, naturalHeight: height } = image;
      image.style.setProperty('--ratio', width && height ? width / height : 1);
      tell(width && `${width} × ${height}`);
      if (!is()) return;
      zoomable(image);
      act('zoom').hidden = false;
    };
    image.onerror = () => failed('broken', 'This browser cannot show the picture.');
    stage.replaceChildren(image);
    return;
  }
  if (kind === 'audio' || kind === 'video' && type !== 'video/mp2t') return play(kind);

  let answer, bytes;
  try {
    answer = await fetch(url, { headers: { Range: `bytes=0-${TEXT - 1}` } });
    if (!answer.ok) throw new Error(answer.status);
    if (type === 'application/pdf') {
      answer.body?.cancel();
    } else {
      // do not read the rest if a server sends more than the requested range
      bytes = await firstBytes(answer);
    }
  } catch {
    return failed(iconOf(row, type), 'The file could not be read.');
  }
  if (!is()) return;
  if (type === 'application/pdf') return stage.replaceChildren(element('iframe', { src: url, title: 'PDF' }));
  if (type === 'video/mp2t' && isTransportStream(bytes)) return play('video');
  if (!bytes.length) return sorry(iconOf(row, type), 'The file is empty.');
  const text = decode(bytes);
  if (!text) return sorry(iconOf(row, type), 'There is no preview of this type.');
  if (type === 'video/mp2t') tell.type = 'text';
  const whole = Number(row.dataset.size);
  tell(text.encoding, whole > TEXT && `the first ${size(TEXT)}`);
  stage.replaceChildren(element('pre', { textContent: text.text, tabIndex: 0 }));
}

async function firstBytes(answer) {
  const reader = answer.body?.getReader();
  const all = new Uint8Array(TEXT);
  let length = 0;
  while (reader && length < TEXT) {
    const { done, value } = await reader.read();
    if (done) break;
    all.set(value.subarray(0, TEXT - length), length);
    length += Math.min(value.length, TEXT - length);
  }
  reader?.cancel();
  return all.subarray(0, length);
}

/** Updates the preview after the folder has changed: shows a changed file again, and closes a removed one with a notice.
    `come` contains the new rows. */
function reopen(come) {
  // the URL may name a file that has just appeared
  if (!current) return addressed() && follow();
  if (current.isConnected) return steps(current);
  const row = previews().find(row => href(row) === href(current));
  if (row) return open(row);
  const [was, { size, time }] = [name(current), current.dataset];
  const renamed = come.find(({ dataset }) => dataset.size === size && dataset.time === time);
  close();
  if (renamed) {
    notice('file', `${was} was renamed:`, element('a', { href: address(renamed), textContent: name(renamed) }));
  } else notice('file', `${was} is gone: it was removed or renamed.`);
}

/** The targets of the buttons. */
function steps(row) {
  const rows = previews();
  const at = rows.indexOf(row);
  act('previous').disabled = at < 1;
  act('next').disabled = at < 0 || at === rows.length - 1;
}

async function open(row) {
  current = row;
  const url = link(row).href;
  const is = () => current === row;
  one('h2', preview).textContent = one('h2', preview).title = name(row);
  one('.facts', preview).textContent = '';
  notice('file', '');
  act('download').href = act('original').href = url;
  steps(row);
  say('');
  shown = null;
  act('zoom').hidden = true;
  stage.replaceChildren();
  if (!preview.open) {
    root.style.setProperty('--scrollbar', `${innerWidth - root.clientWidth}px`);
    preview.showModal();
    preview.focus(); // not its first button, because Enter would copy something
  }

  let { type } = row.dataset;
  // its name does not reveal the type, so the server inspects its first bytes
  if (!type) {
    const head = await fetch(url, { method: 'HEAD' }).catch(() => null);
    type = head?.headers.get('Content-Type')?.split(';')[0] ?? '';
  }
  if (!is()) return;
  const tell = (...more) => {
    const facts = [...more, tell.type ?? type, size(Number(row.dataset.size))].filter(Boolean);
    if (is()) one('.facts', preview).textContent = facts.join('  ·  ');
  };
  tell();
  await fill(row, type, url + (row.version ?? ''), tell, is);
}

const decoded = text => quietly(() => decodeURIComponent(text)) ?? text;

/** The row of the file that the URL names. */
function addressed() {
  const wanted = decoded(location.hash);
  return wanted.startsWith('#/') && all('tbody tr[data-type]', table).find(row => decoded(address(row)) === wanted);
}

/** Opens the preview that the URL names, or closes the open one. */
function follow() {
  const row = addressed();
  if (row && row !== current) open(row);
  if (!row && current) leave();
  if (!row && location.hash.startsWith('#/')) missing(location.hash);
}

/** Explains why the URL does not name an entry of this folder. */
async function missing(hash) {
  const url = new URL(`./${hash.slice(2)}`, location.href.split('#')[0]);
  const problem = await trouble(url);
  if (location.hash !== hash || current) return;
  const to = (href, text) => element('a', { href, textContent: decoded(text) });
  if (!problem) return notice('file', 'The file exists, but this list does not have it:', to(url, hash.slice(2)));
  const { reason, advice, meant } = problem;
  if (!meant) return notice('file', [reason, advice].filter(Boolean).join(' '));
  const here = decoded(meant.replace(/[^/]*$/, '')) === decoded(location.pathname);
  notice('file', `${reason} Did you mean`, to(here ? `#/${meant.split('/').at(-1)}` : meant, `${meant}?`));
}

function leave() {
  const left = current;
  current = shown = null;
  stage.replaceChildren(); // stops playback
  preview.close();
  link(left).focus();
}

function close() {
  // Back leads to the page without a preview, if it was shown before
  if (history.state?.fromHere) history.back();
  else history.replaceState(null, '', location.pathname + location.search);
  if (current?.isConnected) follow();
  else if (current) leave();
}

function step(by) {
  const rows = previews();
  const row = rows[rows.indexOf(current) + by];
  if (!row) return;
  history.replaceState(history.state, '', address(row));
  open(row);
}

/* Copying. */

const escaped = text => text.replace(/[&<>"]/g, sign => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[sign]);

function tag() {
  const url = escaped(link(current).href);
  const media = one('img, video, audio', stage);
  const sized = (width, height) => width ? ` width="${width}" height="${height}"` : '';
  switch (media?.localName) {
    case 'img': {
      const alt = escaped(name(current).replace(/\.[^.]*$/, '').replace(/[-_]+/g, ' '));
      return `<img src="${url}"${sized(media.naturalWidth, media.naturalHeight)} alt="${alt}">`;
    }
    case 'video': return `<video src="${url}"${sized(media.videoWidth, media.videoHeight)} controls></video>`;
    case 'audio': return `<audio src="${url}" controls></audio>`;
    default: return `<a href="${url}">${escaped(name(current))}</a>`;
  }
}

async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // without https, only pages of localhost may use the clipboard
    const field = element('textarea', { value: text });
    preview.append(field);
    field.select();
    document.execCommand('copy');
    field.remove();
  }
  say(`${what} copied`);
}

let silence;
function say(text) {
  one('.said', preview).textContent = text;
  clearTimeout(silence);
  if (text) silence = setTimeout(() => say(''), 2000);
}

/* Mouse and keyboard. */

table.onclick = event => {
  const row = event.target.closest('a')?.closest('tr[data-type]');
  if (!row || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  history.pushState({ fromHere: true }, '', address(row));
  follow();
};

act('url').onclick = () => copy(link(current).href, 'URL');
act('tag').onclick = () => copy(tag(), 'Tag');
act('close').onclick = close;
act('zoom').onclick = () => toggleZoom();
act('previous').onclick = () => step(-1);
act('next').onclick = () => step(1);
gestures(stage);

preview.oncancel = event => {
  event.preventDefault();
  close();
};
// a browser may close the dialog without asking; the event comes late, when another file may be open already
preview.onclose = () => current && !preview.open && close();
preview.onkeydown = event => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  // a player seeks with the arrow keys, a text scrolls, the space bar presses a button
  if (event.target.closest('video, audio, pre') || event.key === ' ' && event.target.closest('button, a')) return;
  const player = one('video, audio', stage);
  const keys = {
    ArrowLeft: () => step(-1),
    ArrowRight: () => step(1),
    ...player && { ' ': () => player.paused ? player.play().catch(() => {}) : player.pause() },
    ...shown && { '+': () => zoom(shown.scale * 1.5), '=': () => zoom(shown.scale * 1.5), '-': () => zoom(shown.scale / 1.5), 0: () => zoom(1), z: () => toggleZoom() },
  };
  const act = keys[event.key];
  if (!act) return;
  event.preventDefault();
  act();
};

addEventListener('popstate', () => follow());
follow();
