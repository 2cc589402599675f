/** `[…]`: ranges, unions and intersections of characters. */
import { escapedChar, letterClasses, property } from './escapes.ts';
import { literal, type Scanner } from './scanner.ts';

/** The class as JavaScript writes it with flag v; the scanner stands behind the opening bracket. */
export function charClass(scanner: Scanner): string {
  const negated = scanner.take('^');
  /** Operands of `&&`, each a union of members. */
  const operands: string[][] = [[]];
  let first = true;
  for (;;) {
    if (scanner.done) throw scanner.error('Unclosed character class', scanner.pattern.length - 1);
    if (scanner.char === ']' && !first) {
      scanner.next();
      break;
    }
    first = false;
    if (scanner.take('&&')) {
      operands.push([]);
    } else if (scanner.take('[')) {
      operands.at(-1)!.push(charClass(scanner));
    } else {
      operands.at(-1)!.push(...members(scanner));
    }
  }
  const filled = operands.filter((operand) => operand.length > 0);
  if (filled.length === 0) throw scanner.error('Bad class syntax', scanner.at - 2);
  const sets = filled.map((operand) => operand.join(''));
  return `[${negated ? '^' : ''}${sets.length === 1 ? sets[0] : sets.map((set) => `[${set}]`).join('&&')}]`;
}

function members(scanner: Scanner): string[] {
  const from = member(scanner);
  if (typeof from === 'object') return from.members;
  const behind = scanner.pattern[scanner.at + 1];
  if (scanner.char !== '-' || behind === ']' || behind === '[' || behind === undefined) return [literal(from)];
  scanner.next();
  const to = member(scanner);
  if (typeof to === 'object' || to.codePointAt(0)! < from.codePointAt(0)!) {
    throw scanner.error('Illegal character range', scanner.at - 1);
  }
  return [`${literal(from)}-${literal(to)}`];
}

/** One character, or several members where an escape stands for a set. */
function member(scanner: Scanner): string | { readonly members: string[] } {
  if (!scanner.take('\\')) return scanner.next();
  const { char } = scanner;
  if (char === 'p' || char === 'P') return { members: [property(scanner)] };
  if (Object.hasOwn(letterClasses, char)) {
    scanner.next();
    return { members: [letterClasses[char]!] };
  }
  const plain = escapedChar(scanner);
  if (plain === undefined) throw scanner.error('Illegal/unsupported escape sequence', scanner.at);
  return plain;
}
