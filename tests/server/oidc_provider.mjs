// The provider of the package oidc-provider: `node oidc_provider.mjs PORT REDIRECT_URI`, where the package is installed.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [port, redirect] = process.argv.slice(2);
const found = createRequire(process.cwd() + '/').resolve('oidc-provider');
const { Provider } = await import(pathToFileURL(found));

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{ client_id: 'interlock', client_secret: 'hush', redirect_uris: [redirect] }],
  claims: { openid: ['sub'], email: ['email', 'email_verified'], groups: ['groups'] },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: `${id}@example.com`, email_verified: true, groups: ['managers'] }),
  }),
  pkce: { required: () => true },
});
provider.listen(Number(port), '127.0.0.1', () => console.log('listening'));
