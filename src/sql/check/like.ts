/** Whether text fits a LIKE pattern: `%` any run, `_` one code point, a character behind the escape itself. */
export function likePattern(pattern: string, escapeCharacter?: string): (text: string) => boolean {
  // Pieces between the `%`, each a list of code points; null is `_`.
  const pieces: (string | null)[][] = [[]];
  const characters = [...pattern];
  for (let i = 0; i < characters.length; i++) {
    const character = characters[i]!;
    if (character === escapeCharacter && i + 1 < characters.length) pieces.at(-1)!.push(characters[++i]!);
    else if (character === '%') pieces.push([]);
    else pieces.at(-1)!.push(character === '_' ? null : character);
  }
  const [first, ...rest] = pieces as [(string | null)[], ...(string | null)[][]];
  return (text) => matches([...text], first, rest);
}

/** Each piece is taken as early as it fits, which is never wrong; only the last one is bound to the end. Linear in both. */
function matches(
  text: readonly string[],
  first: readonly (string | null)[],
  rest: readonly (readonly (string | null)[])[],
): boolean {
  if (!fitsAt(text, first, 0)) return false;
  if (rest.length === 0) return text.length === first.length;
  let at = first.length;
  for (const piece of rest.slice(0, -1)) {
    while (at + piece.length <= text.length && !fitsAt(text, piece, at)) at++;
    if (at + piece.length > text.length) return false;
    at += piece.length;
  }
  const last = rest.at(-1)!;
  return text.length - last.length >= at && fitsAt(text, last, text.length - last.length);
}

function fitsAt(text: readonly string[], piece: readonly (string | null)[], at: number): boolean {
  if (at + piece.length > text.length) return false;
  return piece.every((character, index) => character === null || character === text[at + index]);
}
