import { Global, Module } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { Database } from './database.js';
import { Listener } from './listener.js';
import { ProcessIdentity } from './process-identity.js';

/**
 * Provides the connection pool, the LISTEN connection and the identity of this process. It is global because Nest destroys
 * global modules last: the connections must stay open until every other module has shut down.
 */
@Global()
@Module({
  providers: [
    ProcessIdentity,
    { provide: Database, useFactory: (settings: Settings) => Database.connect(settings), inject: [Settings] },
    {
      provide: Listener,
      useFactory: async (database: Database, identity: ProcessIdentity) => {
        const listener = new Listener(database.url, identity.value);
        await listener.open();
        return listener;
      },
      inject: [Database, ProcessIdentity],
    },
  ],
  exports: [Database, Listener, ProcessIdentity],
})
export class DatabaseModule {}
