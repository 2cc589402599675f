/** A token of RFC 7230: what a header's name must be. */
export const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** Why a header must not reach the wire, or undefined. Says nothing of its value. */
export function headerProblem(name: string, value: string): string | undefined {
  if (!token.test(name)) return 'its name must be a token of RFC 7230 (letters, digits and a few signs, no blanks)';
  if (/[^\t\x20-\x7e\x80-\xff]/.test(value)) return 'its value holds a line break or another control character';
  return undefined;
}
