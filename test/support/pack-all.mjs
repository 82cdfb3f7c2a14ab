// Packs all executions of a database that have ended. The argument is the database's URL. A test kills it meanwhile.
import { Database } from '../../dist/database/database.js';
import { JournalPacker } from '../../dist/journal/journal-packer.js';
import { parseSettings } from '../../dist/config/settings.js';

const settings = parseSettings({
  DATABASE_URL: process.argv[2],
  JOURNAL_PACK_AFTER_MS: '0',
  JOURNAL_PACK_EVENTS_PER_SECOND: '1000000000',
  JOURNAL_POLL_INTERVAL_MS: '10',
});
const packer = new JournalPacker(await Database.connect(settings), settings);
process.send('begins');
packer.onApplicationBootstrap();
// Until it is killed, or the test ends.
process.on('disconnect', () => process.exit());
