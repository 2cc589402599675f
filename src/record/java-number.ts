/** Numbers as Java prints them: what Kafka Connect's converters and transforms write into texts. */

/** Double.toString: plain from 0.001 up to ten million, else with an exponent; always a digit behind the point. */
export function doubleText(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  return javaForm(value, String(Math.abs(value)), Math.abs(value).toExponential());
}

/** Float.toString: as few digits as tell the value from its neighbours of 32 bits. */
export function floatText(value: number): string {
  const rounded = Math.fround(value);
  if (!Number.isFinite(rounded) || rounded === 0) return doubleText(rounded);
  const size = Math.abs(rounded);
  let digits = 1;
  while (digits < 9 && Math.fround(Number(size.toPrecision(digits))) !== size) digits++;
  const shortest = Number(size.toPrecision(digits));
  return javaForm(rounded, String(shortest), shortest.toExponential());
}

function javaForm(value: number, plain: string, exponential: string): string {
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  const size = Math.abs(value);
  if (size === 0 || (size >= 1e-3 && size < 1e7)) return sign + (plain.includes('.') ? plain : `${plain}.0`);
  const [digits = '', exponent = ''] = exponential.split('e');
  return `${sign}${digits.includes('.') ? digits : `${digits}.0`}E${Number(exponent)}`;
}
