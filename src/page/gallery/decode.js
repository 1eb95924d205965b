
/* Detects whether bytes are text, and in which encoding. */

/** Returns the text in these first bytes of a file and the name of its encoding, or `null` if they are not text. */
function decode(bytes) {
  const decoded = (label, encoding, fatal = false) => {
    try {
      // the last character may be incomplete
      return { encoding, text: new TextDecoder(label, { fatal }).decode(bytes, { stream: true }) };
    } catch {
      return null;
    }
  };
  const starts = (...mark) => mark.every((byte, at) => bytes[at] === byte);
  if (starts(0xff, 0xfe)) return decoded('utf-16le', 'UTF-16');
  if (starts(0xfe, 0xff)) return decoded('utf-16be', 'UTF-16');
  const zeros = [0, 0];
  let controls = 0;
  for (const [at, byte] of bytes.entries()) {
    if (byte === 0) zeros[at % 2] += 1;
    // all control characters except tab, line feed, form feed, carriage return and escape (colours in logs)
    else if (byte < 0x20 && ![9, 10, 12, 13, 27].includes(byte) || byte === 0x7f) controls += 1;
  }
  if (controls > bytes.length / 100) return null;
  // UTF-16 without a byte order mark: in most Western scripts every other byte is zero
  if (zeros[1] > bytes.length / 5 && !zeros[0]) return decoded('utf-16le', 'UTF-16');
  if (zeros[0] > bytes.length / 5 && !zeros[1]) return decoded('utf-16be', 'UTF-16');
  if (zeros[0] || zeros[1]) return null;
  return decoded('utf-8', '', true) ?? decoded('windows-1252', 'Latin-1');
}

/** True for the first bytes of an MPEG transport stream: packets of 188 bytes that start with 0x47, in M2TS files
    after four more bytes. TypeScript has the same extension. */
const isTransportStream = bytes =>
  [[0, 188], [4, 192]].some(([at, size]) => bytes[at] === 0x47 && (bytes.length <= at + size || bytes[at + size] === 0x47));
