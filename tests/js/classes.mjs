// The classes beside `Auth`: what holds the tokens, and what solves captchas.

const core = (auth) => auth.config.credentialsClient
const held = (got) => ({ access: typeof got.access_token === 'string', scope: got.scope })

export const classes = {
  async 'OAuth2Client.setCredentials'(t) {
    const { auth, user } = await t.signedIn()
    const [credentials, other] = [await auth.getCredentials(), t.client()]
    await t.call(() => core(other).setCredentials(credentials))
    return { sub: (await other.getUserInfo()).sub === user.sub }
  },

  // For a token that is not renewed, and that no storage keeps.
  async 'OAuth2Client.setAccessKeyCredentials'(t) {
    const { auth, user } = await t.signedIn()
    const { access_token, token_type, expires_at } = await auth.getCredentials()
    const other = t.client()
    const given = { access_token, token_type, expires_at, scope: 'accessKey' }
    await t.call(() => core(other).setAccessKeyCredentials(given))
    return { sub: (await other.getUserInfo()).sub === user.sub }
  },

  async 'OAuth2Client.getAccessToken'(t) {
    const { auth } = await t.signedIn()
    return { text: typeof (await t.call(() => core(auth).getAccessToken())) }
  },

  async 'OAuth2Client.getCredentials'(t) {
    const { auth } = await t.signedIn()
    return held(await t.call(() => core(auth).getCredentials()))
  },

  async 'OAuth2Client.getCredentialsSync'(t) {
    const { auth } = await t.signedIn()
    return held(await t.call(async () => core(auth).getCredentialsSync()))
  },

  async 'OAuth2Client.getCredentialsAsync'(t) {
    const { auth } = await t.signedIn()
    return held(await t.call(() => core(auth).getCredentialsAsync()))
  },

  async 'OAuth2Client.getScope'(t) {
    const { auth } = await t.signedIn()
    return { scope: await t.call(() => core(auth).getScope()) }
  },

  async 'OAuth2Client.getGroups'(t) {
    const { auth } = await t.signedIn()
    return { groups: await t.call(() => core(auth).getGroups()) }
  },

  async 'OAuth2Client.refreshToken'(t) {
    const { auth } = await t.signedIn()
    const first = await auth.getCredentials()
    const got = await t.call(() => core(auth).refreshToken(first))
    return { ...held(got), new_refresh: got.refresh_token !== first.refresh_token }
  },

  async 'OAuth2Client.request'(t) {
    const { auth, user } = await t.signedIn()
    const given = { method: 'GET', withCredentials: true }
    const got = await t.call(() => core(auth).request('/v1/user/me', given))
    return { sub: got.sub === user.sub }
  },

  async 'Captcha.request'(t) {
    const solver = t.solver()
    const [auth, { username, password, sub }] = [t.client({ captchaOptions: solver }), await t.user()]
    await t.demandCaptcha({ username })
    const given = { method: 'POST', body: { username, password } }
    const got = await t.call(() => auth.config.request('/v1/signin', given))
    return { sub: got.sub === sub, solved: solver.solved }
  },

  async weAppJwtDecodeAll(t) {
    const { auth, user } = await t.signedIn()
    const { access_token } = await auth.getCredentials()
    const got = await t.call(async () => t.package.weAppJwtDecodeAll(access_token))
    return { sub: got.claims.sub === user.sub }
  },
}
