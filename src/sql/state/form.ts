/** The first byte of each number, key and value in a snapshot. */
export const form = {
  natural: 0,
  negative: 1,
  double: 2,
  null: 3,
  true: 4,
  false: 5,
  bigint: 6,
  text: 7,
  /** Text with a lone surrogate, which UTF-8 has no form for. */
  wideText: 8,
  bytes: 9,
  array: 10,
  object: 11,
  absent: 12,
} as const;
