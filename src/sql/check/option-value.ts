import { parsePath } from '../json/path.ts';
import type { OptionType } from './option-specs.ts';

/** What is wrong with a value of an option; undefined where nothing is. Values are shown unless they may hold secrets. */
export function wrongValue(key: string, type: OptionType, value: string): string | undefined {
  const wanted = (what: string): string => `option '${key}' must be ${what}, not '${value}'`;
  switch (type.kind) {
    case 'text':
    case 'column':
      return undefined;
    case 'bool':
      return /^(true|false)$/i.test(value) ? undefined : wanted('true or false');
    case 'whole': {
      const isWhole = /^-?\d{1,15}$/.test(value);
      if (type.min === undefined) return isWhole ? undefined : wanted('a whole number');
      return isWhole && Number(value) >= type.min ? undefined : wanted(`a whole number of at least ${type.min}`);
    }
    case 'number':
      return /^(0(\.\d+)?|1(\.0+)?|\.\d+)$/.test(value) ? undefined : wanted('a number from 0 to 1');
    case 'duration':
      return /^\d+(ms|s|m|h)?$/i.test(value) ? undefined : wanted("a duration, as in '100ms' or '30s'");
    case 'one of': {
      const isOne = type.values.includes(type.anyCase === true ? value.toLowerCase() : value);
      return isOne ? undefined : wanted(`one of ${type.values.join(', ')}`);
    }
    case 'message type':
      return /^(text|binary)$/i.test(value)
        ? undefined
        : `Invalid message type '${value}': expected 'text' or 'binary'`;
    case 'websocket url':
      return wrongUrl(value, ['ws:', 'wss:'], 'WebSocket URL');
    case 'http url':
      return wrongUrl(value, ['http:', 'https:'], 'URL');
    case 'kafka position':
      return /^(latest|earliest|\d{1,15})$/.test(value)
        ? undefined
        : wanted('latest, earliest or milliseconds since 1970');
    case 'path':
      return parsePath(value) === undefined ? wanted("a path such as '$.data.list[0].name'") : undefined;
  }
}

function wrongUrl(value: string, schemes: readonly string[], what: string): string | undefined {
  const starts = schemes.map((scheme) => `${scheme}//`);
  const shown = withoutCredentials(value);
  if (!starts.some((start) => value.toLowerCase().startsWith(start)))
    return `Invalid ${what}: must start with ${starts.join(' or ')}, got: ${shown}`;
  return URL.canParse(value) ? undefined : `Invalid ${what}: ${shown}`;
}

export function withoutCredentials(url: string): string {
  return url.replace(/^([a-z]+:\/\/)?[^/@\s]*@/i, '$1***@');
}
