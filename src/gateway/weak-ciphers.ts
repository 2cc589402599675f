/** Suites that no longer protect anything, or do so badly, in a list as OpenSSL takes it. */

const broken = /RC4|RC2|NULL|EXP|(^|[-_+])3?DES|MD5|(^|[-_+])A(EC)?DH|anon|LOW|SEED|IDEA/i;
/** With a cipher that also proves that nothing was changed. */
const authenticated = /GCM|CCM|CHACHA20|POLY1305/i;

/** What is wrong with a list; undefined where nothing is. Groups (`HIGH`) are OpenSSL's to judge. */
export function weakCipher(list: string): string | undefined {
  const suites = list.split(/[:, ]+/).filter((suite) => /^\w/.test(suite)); // not what is taken out or moved: !MD5
  const found = suites.find((suite) => broken.test(suite));
  if (found !== undefined) return `"${found}" is`;
  if (suites.length > 0 && suites.every(isCbc)) return 'these all are in CBC mode';
  return undefined;
}

/** OpenSSL does not write the mode of these: `ECDHE-RSA-AES128-SHA256`. */
function isCbc(suite: string): boolean {
  return !authenticated.test(suite) && (/CBC/i.test(suite) || /-SHA(256|384)?$/.test(suite));
}
