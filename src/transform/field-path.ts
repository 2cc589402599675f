import { TributaryError } from '../base/errors.ts';

/** Names of fields from the outside in. */
export type FieldPath = readonly string[];

/**
 * A field as a transform's options name it (KIP-821). Without nesting it is one name. With nesting dots separate names; a
 * name that holds dots stands in backticks, and a backtick before a dot within such a name is written with a backslash.
 */
export function fieldPath(text: string, nested: boolean): FieldPath {
  if (!nested || text === '') return [text];
  const steps: string[] = [];
  let at = 0;
  while (at < text.length) {
    const step = text[at] === '`' ? quotedStep(text, at) : plainStep(text, at);
    steps.push(step.name);
    at = step.next;
  }
  if (text.endsWith('.')) steps.push('');
  return steps;
}

interface Step {
  readonly name: string;
  readonly next: number;
}

function plainStep(text: string, start: number): Step {
  const dot = text.indexOf('.', start);
  return dot < 0 ? { name: text.slice(start), next: text.length } : { name: text.slice(start, dot), next: dot + 1 };
}

/** Ends at a backtick without backslash that the path's end or a dot follows. Other backticks belong to the name. */
function quotedStep(text: string, open: number): Step {
  let name = '';
  let start = open + 1;
  for (let at = text.indexOf('`', start); at >= 0; at = text.indexOf('`', at + 1)) {
    const escaped = text[at - 1] === '\\';
    const last = at === text.length - 1;
    if (!last && text[at + 1] !== '.') continue;
    if (!escaped) return { name: name + text.slice(start, at), next: last ? text.length : at + 2 };
    if (last) break;
    name += `${text.slice(start, at - 1)}\``;
    start = at + 1;
  }
  throw new TributaryError(
    'CONFIG_INVALID',
    `Incomplete backtick pair in path: [${text}], consider adding a backslash before backtick at position ${open} to escape it`,
  );
}
