export interface Place {
  /** From 1. */
  readonly line: number;
  /** From 1, in code points. */
  readonly column: number;
  /** The whole line, tabs shown as blanks so that a caret below it fits. */
  readonly text: string;
}

/** Where an offset (UTF-16 units) lies in a script. */
export function placeOf(script: string, offset: number): Place {
  const before = script.slice(0, offset);
  const lineStart = before.lastIndexOf('\n') + 1;
  const lineEnd = script.indexOf('\n', offset);
  return {
    line: before.split('\n').length,
    column: [...before.slice(lineStart)].length + 1,
    text: script.slice(lineStart, lineEnd === -1 ? undefined : lineEnd).replace(/[\t\r]/g, ' '),
  };
}
