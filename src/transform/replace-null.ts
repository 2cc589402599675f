import { boolean } from '../config/option.ts';

/** The option that most transforms have. */
export const replaceNullWithDefault = boolean({
  default: true,
  doc: 'Whether a null in a field that has a default is taken as the default',
});
