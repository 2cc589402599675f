export function installIfNeeded(root: string): void;
/** Why `npm ci` is wanted, or undefined where it is not. */
export function reasonToInstall(root: string): string | undefined;
