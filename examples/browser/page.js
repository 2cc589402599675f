// Shows the demonstration's trades as they come. A restart of the gateway is seen in the state, and loses nothing.
import { connect } from '/demo/client.js';

const shownTrades = 20;
const state = document.querySelector('#state');
const trades = document.querySelector('#trades');
const prices = document.querySelector('#prices');
const symbols = new Map();

const client = connect(location.origin, {
  onState({ kind, reason }) {
    state.textContent = reason === undefined ? kind : `${kind}: ${reason}`;
    state.dataset.kind = kind;
  },
});

try {
  for await (const events of client.subscribe({ topics: ['trades'], format: 'json' }).batches()) {
    for (const event of events) {
      if (event.kind === 'record') show(event);
      else addRow([`${event.from} to ${event.to}: ${event.reason}`], 'gap');
    }
  }
} catch (error) {
  state.textContent = error.message;
  state.dataset.kind = 'waiting';
}

function show({ offset, value }) {
  const { time, symbol, side, price, size } = value;
  addRow([offset, time.slice(11, 23), symbol, side, price, size], side);
  const row = symbols.get(symbol) ?? newSymbol(symbol);
  row.count++;
  [price, size, row.count].forEach((text, at) => {
    row.cells[at + 1].textContent = text;
  });
}

function newSymbol(symbol) {
  const cells = addCells(prices.insertRow(), [symbol, '', '', '']);
  const row = { cells, count: 0 };
  symbols.set(symbol, row);
  return row;
}

/** Text content only: what a record says is never taken for HTML. */
function addRow(texts, kind) {
  const row = trades.insertRow(0);
  row.className = kind;
  addCells(row, texts);
  if (trades.rows.length > shownTrades) trades.deleteRow(-1);
}

function addCells(row, texts) {
  return texts.map((text) => {
    const cell = row.insertCell();
    cell.textContent = text;
    return cell;
  });
}
