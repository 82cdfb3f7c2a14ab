// Preloaded into a server (NODE_OPTIONS=--import): names of a DNS server that an attacker has.
import dns from 'node:dns/promises';
import { syncBuiltinESMExports } from 'node:module';

const ADDRESSES = {
  'private.example': ['10.0.0.1'],
  'loopback.example': ['127.0.0.1'],
  'mapped.example': ['::ffff:127.0.0.1'],
  'mixed.example': ['93.184.216.34', '127.0.0.1'],
  'metadata.example': ['169.254.169.254'],
};
const lookup = dns.lookup;
dns.lookup = async (name, options) => {
  const addresses = ADDRESSES[name];
  if (!addresses) return lookup(name, options);
  return addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
};
syncBuiltinESMExports();
