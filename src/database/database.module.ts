import { Global, Module } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { Database } from './database.js';
import { Listener } from './listener.js';

/** The connection pool and the LISTEN connection of this process. */
@Global()
@Module({
  providers: [
    { provide: Database, useFactory: (settings: Settings) => Database.connect(settings), inject: [Settings] },
    {
      provide: Listener,
      useFactory: async (database: Database) => {
        const listener = new Listener(database.url);
        await listener.open();
        return listener;
      },
      inject: [Database],
    },
  ],
  exports: [Database, Listener],
})
export class DatabaseModule {}
