/** What is imported once is there at once for whoever imports it later, and tells that one if it cannot be had. */
export function importAhead(imports: readonly (() => Promise<unknown>)[]): void {
  for (const start of imports) start().catch(() => {});
}
