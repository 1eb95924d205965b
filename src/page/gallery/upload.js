
/* Uploads chosen, dropped or pasted files, each in its own request, with a row that shows its progress. */

const uploader = one('.upload');
const picker = one('input', uploader);
const uploads = one('.uploads');
const top = all('.crumbs h1 a').length === 1; // the top of the mount, to which names in answers are relative
const AT_ONCE = 3; // a browser has six connections per host, and the page needs some

const waiting = [];
const tally = { sending: 0, all: 0, stored: 0, failed: 0 };

/** Adds the files to the list, and sends each when its turn comes. */
function upload(files) {
  for (const file of files) {
    const title = element('span', { className: 'title', textContent: file.name, title: file.name });
    const bar = element('progress', { max: 1, value: 0, ariaLabel: `Upload of ${file.name}` });
    const said = element('p', { className: 'soft', textContent: 'Waiting' });
    const stop = element('button', { type: 'button', title: 'Cancel', ariaLabel: `Cancel ${file.name}` });
    stop.append(one('.i-close').cloneNode(true));
    const row = element('li', {}, title, stop, bar, said);
    const task = { file, title, bar, said, stop, row };
    stop.onclick = () => cancel(task);
    one('ol', uploads).append(row);
    waiting.push(task);
    tally.all += 1;
  }
  uploads.hidden = false;
  advance();
}

function advance() {
  while (tally.sending < AT_ONCE && waiting.length) send(waiting.shift());
  const done = tally.stored + tally.failed;
  const outcome = [
    tally.stored && `${plural(tally.stored, 'file', 'files')} uploaded`,
    tally.failed && `${tally.failed} failed`,
  ].filter(Boolean).join(', ');
  one('h2', uploads).textContent = done < tally.all ? `Uploading ${done + 1} of ${tally.all}` : outcome || 'Cancelled';
  if (done < tally.all) return;
  if (outcome) news.textContent = outcome;
  Object.assign(tally, { all: 0, stored: 0, failed: 0 });
}

function send(task) {
  const request = task.request = new XMLHttpRequest();
  const form = new FormData();
  form.append('file', task.file, task.file.name);
  task.said.textContent = 'Starting';
  tally.sending += 1;
  request.upload.onprogress = ({ loaded, total }) => {
    task.bar.value = loaded / total;
    task.said.textContent = loaded < total ? `${size(loaded)} of ${size(total)}` : 'Storing';
  };
  request.onload = () => {
    const answer = request.response;
    if (request.status === 201 && answer) stored(task, answer);
    else failed(task, answer?.reason ? `${answer.reason} ${answer.advice ?? ''}` : `The server answered ${request.status}.`);
  };
  // the browser does not say what went wrong: a moved file, a folder and a stopped server look alike
  request.onerror = () => task.file.slice(0, 1).arrayBuffer().then(
    () => failed(task, 'The server cannot be reached, or the connection broke off. Is it still running?'),
    () => failed(task, 'It cannot be read: it is a folder, or was moved or changed.'),
  );
  request.onabort = () => {
    tally.sending -= 1;
    forget(task);
  };
  request.open('POST', location.pathname);
  request.setRequestHeader('Accept', 'application/json');
  request.responseType = 'json';
  request.send(form);
}

function stored(task, { name, url, size: length }) {
  // the stored name differs if the name exists, if it contains invalid characters, or because of --upload-to
  const called = top ? name : name.split('/').at(-1);
  const words = called === task.file.name ? 'Uploaded' : `Uploaded as ${called}`;
  task.title.replaceChildren(element('a', { href: url, textContent: task.file.name }));
  tally.stored += 1;
  finish(task, 'stored', `${words}  ·  ${size(length)}`);
  renewAll();
}

function failed(task, words) {
  tally.failed += 1;
  task.said.role = 'alert'; // screen readers announce it at once
  finish(task, 'failed', words);
}

function finish(task, state, words) {
  tally.sending -= 1;
  task.request = null;
  task.row.className = state;
  task.said.textContent = words;
  task.bar.hidden = true;
  task.stop.title = 'Remove from the list';
  task.stop.ariaLabel = `Remove ${task.file.name} from the list`;
  advance();
}

/** Cancels an upload, or removes its row once it has ended. */
function cancel(task) {
  const place = waiting.indexOf(task);
  if (task.request) task.request.abort();
  else if (place >= 0) {
    waiting.splice(place, 1);
    forget(task);
  } else drop(task.row);
}

function forget(task) {
  tally.all -= 1;
  drop(task.row);
  advance();
}

function drop(row) {
  const next = row.nextElementSibling ?? row.previousElementSibling;
  const focused = row.contains(document.activeElement);
  row.remove();
  uploads.hidden = !one('li', uploads);
  if (focused) one('button', next ?? uploader).focus();
}

one('header button', uploads).onclick = () => {
  for (const row of all('.stored, .failed', uploads)) row.remove();
  uploads.hidden = !one('li', uploads);
  if (uploads.hidden) one('button', uploader).focus();
};

/* Choosing: the button opens the browser's own dialog. */

picker.hidden = true;
uploader.onsubmit = event => event.preventDefault();
one('button', uploader).onclick = event => {
  event.preventDefault();
  picker.click();
};
picker.onchange = () => {
  upload(picker.files);
  picker.value = ''; // the same file may be chosen again
};

/* Dropping, anywhere on the page. Anything dragged from the page itself is not an upload. */

let ours = false;
const dropping = on => { one('.drop').hidden = !on; };
const brings = event => !ours && event.dataTransfer.types.includes('Files');

addEventListener('dragstart', () => { ours = true; });
addEventListener('dragend', () => { ours = false; });
addEventListener('dragover', event => {
  if (!brings(event)) return;
  event.preventDefault(); // otherwise the browser opens the file
  event.dataTransfer.dropEffect = preview.open ? 'none' : 'copy';
  dropping(!preview.open);
});
addEventListener('dragleave', event => event.relatedTarget || dropping(false));
addEventListener('drop', event => {
  dropping(false);
  if (!brings(event)) return;
  event.preventDefault();
  if (!preview.open) upload(event.dataTransfer.files);
});

/* Pasting: files, or an image such as a screenshot. */

addEventListener('paste', event => {
  const { files } = event.clipboardData;
  if (!files.length || preview.open) return;
  event.preventDefault();
  upload(files);
});

addEventListener('beforeunload', event => {
  if (tally.sending || waiting.length) event.preventDefault();
});
