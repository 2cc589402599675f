/** What grows by chance is told from what grows for ever: by a straight line through all readings. */
export interface Reading {
  readonly atSeconds: number;
  readonly value: number;
}

/** Of the line that fits them best (least squares), a second; 0 of fewer than two. */
export function slopeOf(readings: readonly Reading[]): number {
  const mean = (of: (reading: Reading) => number): number =>
    readings.reduce((sum, reading) => sum + of(reading), 0) / readings.length;
  const atSeconds = mean((reading) => reading.atSeconds);
  const value = mean((reading) => reading.value);
  let products = 0;
  let squares = 0;
  for (const reading of readings) {
    products += (reading.atSeconds - atSeconds) * (reading.value - value);
    squares += (reading.atSeconds - atSeconds) ** 2;
  }
  return squares === 0 ? 0 : products / squares;
}
