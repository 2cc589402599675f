/** The number that Kafka Connect's Decimal stands for: a two's complement integer, big-endian, and a scale. */
export function decimalText(unscaled: Uint8Array, scale: number): string {
  let value = 0n;
  for (const byte of unscaled) value = (value << 8n) | BigInt(byte);
  value = BigInt.asIntN(unscaled.length * 8, value);
  if (scale <= 0) return String(value * 10n ** BigInt(-scale));
  const sign = value < 0n ? '-' : '';
  const digits = String(value < 0n ? -value : value).padStart(scale + 1, '0');
  return `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}
