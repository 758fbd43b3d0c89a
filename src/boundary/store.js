// The Durable Object of a tenant's store: files, batches, and what the queue is to get. As in ledger.js, what a message means and what is
// written is decided in Rust, in one turn.
import { Shelf } from "worker-wasm";
import { Resident } from "./ledger.js";

export class TenantStore extends Resident {
  open(database) {
    return Shelf.open(database, Date.now());
  }

  /** Carries out a message: `{text, bytes?}`. What the queue is to get is written before it is sent, so a message that is lost is sent again. */
  async act(message, bytes) {
    const [reply, messages] = this.within((shelf, database) => {
      const text = shelf.act(Date.now(), message, bytes);
      const given = database.given;
      database.given = undefined;
      return [given === undefined ? { text } : { text, bytes: given }, shelf.outgoing()];
    });
    await this.send(messages);
    return reply;
  }

  async alarm() {
    await this.send(
      this.within((shelf) => {
        shelf.alarm(Date.now());
        return shelf.outgoing();
      }),
    );
  }

  /** Sends messages to the queue, a hundred at once as it takes them. */
  async send(messages) {
    const all = messages === "" ? [] : JSON.parse(messages);
    for (let at = 0; at < all.length; at += 100) {
      await this.env.BATCHES.sendBatch(all.slice(at, at + 100)).catch((error) => {
        console.error(`{"level":"error","failed":"queue","doing":"send","error":${JSON.stringify(error?.name ?? "Error")}}`);
      });
    }
  }
}
