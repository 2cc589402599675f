export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export function isSpread(value: unknown): value is Spread {
  return typeof value === 'object' && value !== null && 'median' in value && 'min' in value && 'max' in value;
}

export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return { median, min: sorted[0]!, max: sorted.at(-1)! };
}

/** `634 k (601 k – 640 k)` */
export function showSpread({ median, min, max }: Spread, show: (value: number) => string): string {
  return `${show(median)} (${show(min)} – ${show(max)})`;
}

export function showCount(value: number): string {
  if (value >= 1e6) return `${(value / 1e6).toFixed(2)} M`;
  if (value >= 1e4) return `${(value / 1e3).toFixed(0)} k`;
  return value.toFixed(0);
}
