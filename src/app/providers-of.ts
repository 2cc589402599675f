/** What stands behind the references of a configuration (`${env:NAME}`). */
import type { ProviderOptions } from './config/providers.ts';
import type { AppParts } from './wiring.ts';

export function providersOf({ config, env, secrets }: AppParts): ProviderOptions {
  return {
    env,
    folder: config.folder,
    providers: config.providers,
    onResolved: (key, value) => secrets.resolved(key, value),
  };
}
