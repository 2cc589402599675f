// A transform: texts in capitals. Used in tributary.yaml of this folder.

const text = (value) => (value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : value);

/** @type {import('@tributary/tributary/dist/app/plugin-contract.js').TransformPlugin} */
export const uppercase = {
  kind: 'transformation',
  className: 'example.Uppercase',
  version: '1.0.0',
  options: {
    suffix: { type: 'STRING', default: '', doc: 'Text to put behind' },
  },
  make({ suffix }) {
    return {
      apply(record) {
        if (record.valueSchema?.type !== 'string' || record.value === null) return record;
        return { ...record, value: text(record.value).toUpperCase() + suffix };
      },
    };
  },
};
