/** The alphabets of deflate and its fixed codes (RFC 1951, 3.2.5 to 3.2.7), as entries of tables. */
import { HuffmanTable, isInvalid } from './huffman-table.ts';

// An entry: bits 0-3 the length of the code, 4-7 the number of extra bits, 8-22 the value, then what it is, from which
// isInvalid is the highest. Literals are below everything else.
export const isLength = 1 << 23;
export const isEnd = 1 << 24;
export const firstNoLiteral = 1 << 16;

/** What a symbol says, without the length of its code: of the three alphabets (RFC 1951, 3.2.5 and 3.2.7). */
export const lengthSymbols = Int32Array.from({ length: 19 }, (_, symbol) => symbol << 8);
export const valueSymbols = new Int32Array(288).fill(isInvalid);
export const distanceSymbols = new Int32Array(32).fill(isInvalid);
for (let symbol = 0; symbol < 256; symbol++) valueSymbols[symbol] = symbol << 8;
valueSymbols[256] = isEnd;
for (let symbol = 257, base = 3; symbol < 285; symbol++) {
  const extra = symbol < 265 ? 0 : (symbol - 261) >> 2;
  valueSymbols[symbol] = isLength | (base << 8) | (extra << 4);
  base += 1 << extra;
}
valueSymbols[285] = isLength | (258 << 8);
for (let symbol = 0, base = 1; symbol < 30; symbol++) {
  const extra = symbol < 4 ? 0 : (symbol - 2) >> 1;
  distanceSymbols[symbol] = (base << 8) | (extra << 4);
  base += 1 << extra;
}

export const fixedValues = HuffmanTable.of(
  valueSymbols,
  Array.from({ length: 288 }, (_, symbol) => (symbol < 144 ? 8 : symbol < 256 ? 9 : symbol < 280 ? 7 : 8)),
);
export const fixedDistances = HuffmanTable.of(distanceSymbols, new Array<number>(32).fill(5));
