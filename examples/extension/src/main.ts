import { runServer } from '@cloutagent/server';
import { TeamModule } from './team.module.js';

await runServer(process.env, [TeamModule]);
