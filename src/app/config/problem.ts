import { TributaryError } from '../../base/errors.ts';

/** Something wrong in a configuration file, with its place. */
export interface ConfigProblem {
  readonly file: string;
  /** 1 is the first; absent where the whole file is meant, or an environment variable. */
  readonly line?: number;
  readonly key?: string;
  readonly message: string;
}

/** `feed.yaml:7: connectors.trades.websocket.ur: unknown key. Did you mean "websocket.url"?` */
export function showProblem({ file, line, key, message }: ConfigProblem): string {
  return `${line === undefined ? file : `${file}:${line}`}: ${key === undefined ? '' : `${key}: `}${message}`;
}

/** CONFIG_INVALID with one problem a line. */
export function configError(problems: readonly ConfigProblem[]): TributaryError {
  return new TributaryError('CONFIG_INVALID', problems.map(showProblem).join('\n'));
}
