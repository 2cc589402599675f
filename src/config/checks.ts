/** Validators that several components share. */

/** A list of whole numbers between two bounds, both allowed; `what` is one of them: `HTTP status`. */
export function numbers(
  min: number,
  max: number,
  what: string,
): (value: readonly string[] | null) => string | undefined {
  return (value) => {
    const wrong = value?.find((item) => !/^\d+$/.test(item) || Number(item) < min || Number(item) > max);
    return wrong === undefined ? undefined : `"${wrong}" is not a ${what}: must be a number from ${min} to ${max}`;
  };
}
