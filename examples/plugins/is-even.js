// A predicate: true for records whose key is an even number.

/** @type {import('@tributary/tributary/dist/app/plugin-contract.js').PredicatePlugin} */
export const isEven = {
  kind: 'predicate',
  className: 'example.IsEven',
  version: '1.0.0',
  make: () => ({ test: ({ key }) => typeof key === 'number' && key % 2 === 0 }),
};
