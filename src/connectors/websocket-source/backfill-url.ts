/** The address that is asked for missing messages: a URL with places for their numbers and channel. */
import { suggest } from '../../base/nearest.ts';

const places = ['{from}', '{to}', '{channel}'];
const place = /\{[^{}]*\}/g;

/** What is wrong with a template, or undefined. */
export function backfillUrlProblem(value: string | null): string | undefined {
  if (value === null || value === '') return undefined;
  const written: readonly string[] = value.match(place) ?? [];
  const unknown = written.find((each) => !places.includes(each));
  if (unknown !== undefined) return `"${unknown}" is none of ${places.join(', ')}.${suggest(unknown, places)}`;
  const missing = ['{from}', '{to}'].find((each) => !written.includes(each));
  if (missing !== undefined)
    return `Must hold "${missing}", a place for the ${missing.slice(1, -1)} of what is asked for`;
  const sample = backfillUrl(value, { channel: 'c', from: 1, to: 2 });
  if (!/^https?:\/\//i.test(value) || !URL.canParse(sample)) return 'Must be an http:// or https:// URL';
  if (/\{/.test(value.replace(/^(https?:\/\/[^/?#]*).*$/i, '$1')))
    return 'Must name the host itself: places are for path and query';
  return undefined;
}

/** Both numbers are included. */
export function backfillUrl(
  template: string,
  { channel, from, to }: { readonly channel: string; readonly from: number; readonly to: number },
): string {
  const values: Readonly<Record<string, string>> = {
    '{from}': String(from),
    '{to}': String(to),
    '{channel}': encodeURIComponent(channel.toWellFormed()),
  };
  return template.replace(place, (each) => values[each] ?? each);
}
