/// <reference lib="esnext.disposable" />

/** A value of a flag. `true` is the flag alone, and an array repeats the flag. */
export type Flag = string | number | boolean | readonly (string | number | boolean)[] | undefined;

/**
 * Options of {@link start}. Each name that is not listed here is a flag in camelCase:
 * `{ noIndex: true, network: "3g" }` is `--no-index --network=3g`.
 */
export interface Options {
  /** The folder to serve. It is created if it is missing. */
  root: string | URL;
  /** The prefix of the URLs. Default: `/media/`. */
  url?: string;
  /** Accept uploads. */
  upload?: Flag;
  /** Open an S3 endpoint over the folder; `true` is one on a free port. */
  s3?: boolean | string;
  /** More folders, such as `["/static/=./static"]`. */
  mount?: Flag;
  /** Where to listen. Default: a free port of 127.0.0.1. */
  listen?: Flag;
  /** The port; 0 is a free one. */
  port?: number;
  /** Arguments as they are typed, such as `["--no-index"]`. */
  args?: readonly string[];
  /** Whether to print the log on stderr. It can always be read from {@link Server.log}. */
  log?: boolean;
  [flag: string]: Flag | URL | readonly string[];
}

/** A running server. It ends with {@link Server.stop}, and with this process. */
export interface Server extends AsyncDisposable {
  /** The URL of the first mount, with a slash at the end. */
  readonly url: string;
  /** All ready lines, one for each address. */
  readonly urls: readonly string[];
  /** The folder that it serves, as an absolute path. */
  readonly root: string;
  /** Its S3 endpoint, if it was started with `s3`: `new S3Client({ ...server.s3, forcePathStyle: true })`. */
  readonly s3?: {
    readonly endpoint: string;
    readonly bucket: string;
    readonly region: string;
    readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  };
  /** The process. */
  readonly pid: number;
  /** The end of its log, one line for each request. */
  readonly log: string;
  /** Stops the server. Resolves when it has ended; calling it again does nothing. */
  stop(): Promise<void>;
}

/**
 * Starts a server on a free port of this machine. Resolves when it accepts connections; rejects with its message if it cannot
 * start. Settings files, and the variables of devmedia in the environment, do not apply.
 */
export function start(options: Options): Promise<Server>;

/** The path of the program: DEVMEDIA_BINARY, or the program in the package for this machine. */
export function binaryPath(): string;
