// The Durable Object of a tenant's ledger: what a message means, and what is written, is decided in Rust.
//
// Everything here is synchronous, so a message is decided and written within one turn, and no other comes between. The runtime holds
// every reply back until what was written before it is safe.
import { DurableObject } from "cloudflare:workers";
import { Ledger } from "worker-wasm";
import { blame, generation, renew } from "./instance.js";

/** What wasm asks of the object's storage. */
class Database {
  constructor(storage) {
    this.storage = storage;
    this.given = undefined;
  }

  /** The rows that a statement finds, as JSON. */
  query(sql, cells) {
    return JSON.stringify(this.storage.sql.exec(sql, ...JSON.parse(cells)).raw().toArray());
  }

  /** The bytes in the first column of the first row that a statement finds. */
  bytes(sql, cells) {
    const [row] = this.storage.sql.exec(sql, ...JSON.parse(cells)).raw().toArray();
    return row === undefined ? undefined : new Uint8Array(row[0]);
  }

  /** Carries out statements, `[[sql, cell, …], …]`, all or none, and sets the alarm. */
  write(batch, bytes, alarmMs) {
    const statements = JSON.parse(batch);
    if (statements.length > 0) {
      this.storage.transactionSync(() => {
        for (const [sql, ...cells] of statements) {
          this.storage.sql.exec(sql, ...cells.map((cell) => (Object(cell) === cell ? bytes.slice(cell.from, cell.to) : cell)));
        }
      });
    }
    // Written like the rest, and the reply waits for it: when it fails, the object begins anew.
    if (alarmMs !== undefined) this.storage.setAlarm(alarmMs);
  }

  random(count) {
    return crypto.getRandomValues(new Uint8Array(count));
  }

  give(bytes) {
    this.given = bytes;
  }
}

/** An object whose steps are wasm's, one at a time. `open` gives what does them. */
export class Resident extends DurableObject {
  /**
   * Does a step in wasm. What is held in memory is read from the storage again when the instance was replaced, and after a failure, which
   * leaves it in between.
   */
  within(step) {
    renew();
    if (this.generation !== generation) this.held = undefined;
    try {
      if (this.held === undefined) {
        this.database = new Database(this.ctx.storage);
        this.held = this.open(this.database);
        this.generation = generation;
      }
      return step(this.held, this.database);
    } catch (error) {
      blame(error);
      // Not freed by hand: whether its instance still lives is for wasm-bindgen to tell, when it is collected.
      this.held = undefined;
      throw error;
    }
  }
}

export class TenantLedger extends Resident {
  open(database) {
    return Ledger.open(database, Date.now());
  }

  /** Carries out a message: `{text, bytes?}`. */
  act(message, bytes) {
    return this.within((ledger, database) => {
      const text = ledger.act(Date.now(), message, bytes);
      const given = database.given;
      database.given = undefined;
      return given === undefined ? { text } : { text, bytes: given };
    });
  }

  alarm() {
    this.within((ledger) => ledger.alarm(Date.now()));
  }
}
