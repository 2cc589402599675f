/** What ASCII digits say, or -1 for what is no whole number, has more digits, or is more than JavaScript holds exactly. */
export function wholeNumberOf(digits: Uint8Array, mostDigits: number): number {
  const { length } = digits;
  if (length === 0 || length > mostDigits) return -1;
  let number = 0;
  for (let at = 0; at < length; at++) {
    const digit = digits[at]! - 48;
    if (digit < 0 || digit > 9) return -1;
    number = number * 10 + digit;
  }
  return number <= Number.MAX_SAFE_INTEGER ? number : -1;
}
