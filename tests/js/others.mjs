// Devices, applications, other users, WeDa, and the QR codes of mini programs.

import { createHash } from 'node:crypto'

export const others = {
  async deviceAuthorize(t) {
    const { auth } = await t.signedIn()
    const got = await t.call(() => auth.deviceAuthorize({ client_id: t.env, scope: 'user' }))
    const text = (name) => typeof got[name] === 'string'
    return {
      texts: ['device_code', 'user_code', 'verification_uri'].every(text),
      numbers: got.expires_in > 0 && got.interval > 0,
    }
  },

  async authorizeDevice(t) {
    const { auth } = await t.signedIn()
    const { user_code } = await auth.deviceAuthorize({ client_id: t.env })
    await t.call(() => auth.authorizeDevice({ user_code, scope: 'user', state: 's1' }))
    return {}
  },

  async 'grantToken: device code'(t) {
    const { auth, user } = await t.signedIn()
    const { user_code, device_code } = await auth.deviceAuthorize({ client_id: t.env })
    await auth.authorizeDevice({ user_code })
    const grant_type = 'urn:ietf:params:oauth:grant-type:device_code'
    const given = { grant_type, device_code, client_id: t.env }
    const got = await t.call(() => t.client().grantToken(given))
    return { access: typeof got.access_token === 'string', sub: got.sub === user.sub }
  },

  // The client takes every answer that has a `code` for an error, this one too.
  async authorize(t) {
    const { auth } = await t.signedIn()
    const given = { response_type: 'code', redirect_uri: 'https://app.example/back', state: 's1' }
    const asked = t.call(() => auth.authorize({ ...given, client_id: t.env, scope: 'user' }))
    const error = await asked.catch((refusal) => refusal)
    return { error: typeof error.error, described: error.error_description !== undefined }
  },

  async 'grantToken: authorization code'(t) {
    const { auth, user } = await t.signedIn()
    const redirect_uri = 'https://app.example/back'
    const code_verifier = 'v'.repeat(43)
    const code_challenge = createHash('sha256').update(code_verifier).digest('base64url')
    const pkce = { code_challenge, code_challenge_method: 'S256' }
    const asked = { response_type: 'code', redirect_uri, client_id: t.env, ...pkce }
    const { error: code } = await auth.authorize(asked).catch((refusal) => refusal)
    const exchanged = { grant_type: 'authorization_code', code, redirect_uri, code_verifier }
    const got = await t.call(() => t.client().grantToken({ ...exchanged, client_id: t.env }))
    return { access: typeof got.access_token === 'string', sub: got.sub === user.sub }
  },

  async authorizeInfo(t) {
    const { auth } = await t.signedIn()
    return info(await t.call(() => auth.authorizeInfo(infoOf(t))))
  },

  async 'authorizeInfo: signed out'(t) {
    return info(await t.call(() => t.client().authorizeInfo(infoOf(t))))
  },

  async checkIfUserExist(t) {
    const [auth, { username }] = [t.client(), await t.user()]
    const got = await t.call(() => auth.checkIfUserExist({ username }))
    const nobody = await auth.checkIfUserExist({ username: 'nobody' })
    return { somebody: got.exist, nobody: nobody.exist }
  },

  async 'queryUserProfile: username'(t) {
    const { auth, user } = await t.signedIn()
    const got = await t.call(() => auth.queryUserProfile({ username: user.username }))
    return { total: got.total, found: got.data.map(({ sub }) => sub === user.sub) }
  },

  async 'queryUserProfile: ids'(t) {
    const { auth, user } = await t.signedIn()
    const got = await t.call(() => auth.queryUserProfile({ id: [user.sub] }))
    return { total: got.total, found: got.data.map(({ sub }) => sub === user.sub) }
  },

  async 'getUserBehaviorLog: sign-ins'(t) {
    const { auth } = await t.signedIn()
    const got = await t.call(() => auth.getUserBehaviorLog({ type: 'LOGIN', limit: 10 }))
    const [entry] = got.data
    return {
      entries: got.data.length,
      client: entry.client_id === t.env,
      device: entry.device_id === auth.device(),
      time: !Number.isNaN(Date.parse(entry.created_at)),
    }
  },

  async 'getUserBehaviorLog: next page'(t) {
    const { auth, user } = await t.signedIn()
    await auth.signIn({ username: user.username, password: user.password })
    const { page_token } = await auth.getUserBehaviorLog({ type: 'LOGIN', limit: 1 })
    const given = { type: 'LOGIN', limit: 1, page_token }
    const got = await t.call(() => auth.getUserBehaviorLog(given))
    return { entries: got.data.length, more: got.page_token !== undefined }
  },

  async 'getUserBehaviorLog: changes'(t) {
    const { auth, user } = await t.signedIn()
    await auth.updatePasswordByOld({ old_password: user.password, new_password: 'N3wPassw0rd!' })
    const got = await t.call(() => auth.getUserBehaviorLog({ type: 'MODIFY', limit: 10 }))
    return { entries: got.data.length }
  },

  // A GET with a body, which `fetch` refuses to send: it never gets as far as the emulator.
  async checkUsername(t) {
    const { auth, user } = await t.signedIn()
    const checked = t.call(() => auth.checkUsername({ username: user.username }))
    return { error: (await checked.catch((refusal) => refusal)).error }
  },

  async getPublicKey(t) {
    const got = await t.call(() => t.client().getPublicKey())
    return { key: typeof got.public_key === 'string' }
  },

  async 'signIn: second version'(t) {
    const { username, password } = await t.user()
    const given = { username, password, version: 'v2' }
    const got = await t.call(() => t.client().signIn(given))
    return { access: typeof got.access_token === 'string' }
  },

  async getWedaUserInfo(t) {
    const { auth, user } = await t.signedIn()
    const got = await t.call(() => auth.getWedaUserInfo())
    return { sub: got.sub === user.sub }
  },

  async getProviderSubType(t) {
    return t.call(() => t.client().getProviderSubType())
  },

  async getMiniProgramCode(t) {
    const got = await t.call(() => t.client().getMiniProgramCode(miniProgram(t)))
    const texts = ['qr_code', 'qr_code_id'].every((name) => typeof got[name] === 'string')
    return { texts, expires_in: got.expires_in }
  },

  async getMiniProgramQrCodeStatus(t) {
    const auth = t.client()
    const { qr_code_id } = await auth.getMiniProgramCode(miniProgram(t))
    const given = { ...miniProgram(t), qrCodeId: qr_code_id }
    const before = await auth.getMiniProgramQrCodeStatus(given)
    await t.control('POST', 'qr-codes', { qr_code_id })
    const got = await t.call(() => auth.getMiniProgramQrCodeStatus(given))
    const { provider_token, expires_in } = got
    const { scope } = await auth.signInWithProvider({ provider_token })
    return { statuses: [before.status, got.status], expires_in, scope }
  },
}

const miniProgram = (t) => ({ envId: t.env, wxAppId: 'wx1' })

const infoOf = (t) => ({ client_id: t.env, response_type: 'code', scope: 'user', state: 's1' })
const info = (got) => ({ client: got.client.id, scopes: got.scopes.map(({ id }) => id) })
