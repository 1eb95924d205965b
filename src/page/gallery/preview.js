
/* The preview of one file. It has an address, `#/name`, so that it can be linked to and Back closes it. */

const preview = one('.preview');
const stage = one('.stage', preview);
const act = name => one(`[data-act=${name}]`, preview);
const TEXT = 64 * 1024;
let current = null;

const previews = () => all('tbody tr[data-type]:not([hidden])', table);
const address = row => `#/${link(row).getAttribute('href')}`;

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/** A large drawing of what the row shows small, with something below it. */
function card(icon, ...below) {
  const drawing = one(`.i-${icon}`)?.cloneNode(true) ?? '';
  return element('div', { className: 'card' }, drawing, ...below);
}

function bytes(count) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = Math.min(Math.floor(Math.log2(Math.max(count, 1)) / 10), 4);
  return `${(count / 1024 ** power).toLocaleString('en', { maximumFractionDigits: power ? 1 : 0 })} ${units[power]}`;
}

function clock(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}

const IS_TEXT = /^text\/|^application\/(.*\+)?(json|xml|javascript|yaml|toml|sql|x-subrip|vnd\.apple\.mpegurl|rtf)$/;

/** Fills the stage; `tell` is given what becomes known of the file, `is` says whether it is still wanted. */
function fill(type, url, tell, is) {
  const sorry = why => is() && stage.replaceChildren(card('file', element('p', { textContent: why })));
  const kind = type.split('/')[0];
  if (kind === 'image') {
    const image = element('img', { alt: '', src: url, className: type === 'image/svg+xml' ? 'vector' : '' });
    image.onload = () => {
      const { naturalWidth: width, naturalHeight: height } = image;
      image.style.setProperty('--ratio', width / height);
      tell(width && `${width} × ${height}`);
    };
    image.onerror = () => sorry('This browser cannot show the picture.');
    stage.replaceChildren(image);
  } else if (kind === 'video' || kind === 'audio') {
    const player = element(kind, { controls: true, preload: 'metadata', src: url });
    player.onloadedmetadata = () => tell(
      player.videoWidth ? `${player.videoWidth} × ${player.videoHeight}` : '',
      Number.isFinite(player.duration) ? clock(player.duration) : '',
    );
    player.onerror = () => sorry(`This browser cannot play the ${kind}.`);
    stage.replaceChildren(kind === 'video' ? player : card('audio', player));
  } else if (type === 'application/pdf') {
    stage.replaceChildren(element('iframe', { src: url, title: 'PDF' }));
  } else if (IS_TEXT.test(type)) {
    stage.replaceChildren();
    fetch(url, { headers: { Range: `bytes=0-${TEXT - 1}` } }).then(async answer => {
      if (!answer.ok) throw new Error(answer.status);
      const text = new TextDecoder().decode((await answer.arrayBuffer()).slice(0, TEXT));
      if (!is()) return;
      const page = element('pre', { textContent: text, tabIndex: 0 });
      stage.replaceChildren(page);
      const whole = Number(answer.headers.get('Content-Range')?.split('/')[1] ?? 0);
      if (whole > TEXT) tell(`the first ${bytes(TEXT)}`);
    }).catch(() => sorry('The text could not be read.'));
  } else {
    sorry('There is no preview of this type.');
  }
}

/** After the folder was read anew: a file that is not as it was is shown anew, one that is gone is not shown. */
function reopen() {
  if (!current || current.isConnected) return current && steps(current);
  const row = previews().find(row => address(row) === address(current));
  if (row) open(row);
  else close();
}

/** Where the buttons lead to. */
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
  one('h2', preview).textContent = name(row);
  act('download').href = act('original').href = url;
  steps(row);
  say('');
  stage.replaceChildren();
  if (!preview.open) {
    preview.showModal();
    preview.focus(); // not its first button: Enter would copy something
  }

  let { type } = row.dataset;
  // its name does not tell: the server looks at its first bytes
  if (!type) type = (await fetch(url, { method: 'HEAD' })).headers.get('Content-Type')?.split(';')[0] ?? '';
  if (!is()) return;
  const facts = [type, bytes(Number(row.dataset.size))];
  const tell = (...more) => {
    if (is()) one('.facts', preview).textContent = [...more.filter(Boolean), ...facts].join('  ·  ');
  };
  tell();
  fill(type, url + (row.version ?? ''), tell, is);
}

/** Opens or closes what the address says. */
function follow() {
  const row = location.hash.startsWith('#/') && all('tbody tr[data-type]', table).find(row => address(row) === location.hash);
  if (row && row !== current) open(row);
  if (!row && current) leave();
}

function leave() {
  const left = current;
  current = null;
  stage.replaceChildren(); // nothing plays on
  preview.close();
  link(left).focus();
}

function close() {
  // Back leads to the page without a preview, where that is what one came from
  if (history.state?.fromHere) history.back();
  else history.replaceState(null, '', location.pathname + location.search);
  follow();
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
  const shown = one('img, video, audio', stage);
  const size = (width, height) => width ? ` width="${width}" height="${height}"` : '';
  switch (shown?.localName) {
    case 'img': {
      const alt = escaped(name(current).replace(/\.[^.]*$/, '').replace(/[-_]+/g, ' '));
      return `<img src="${url}"${size(shown.naturalWidth, shown.naturalHeight)} alt="${alt}">`;
    }
    case 'video': return `<video src="${url}"${size(shown.videoWidth, shown.videoHeight)} controls></video>`;
    case 'audio': return `<audio src="${url}" controls></audio>`;
    default: return `<a href="${url}">${escaped(name(current))}</a>`;
  }
}

async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // only localhost has a clipboard without https
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

/* What a person does. */

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
act('previous').onclick = () => step(-1);
act('next').onclick = () => step(1);
stage.onclick = event => event.target === stage && close();

preview.oncancel = event => {
  event.preventDefault();
  close();
};
// a browser may close it without asking; the event comes late, when another may be open already
preview.onclose = () => current && !preview.open && close();
preview.onkeydown = event => {
  // a player seeks with the arrows, a text scrolls
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest('video, audio, pre')) return;
  const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!by) return;
  event.preventDefault();
  step(by);
};

addEventListener('popstate', follow);
follow();
