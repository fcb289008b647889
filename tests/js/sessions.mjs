// Sessions: they begin, are refreshed, are looked at and end.

const tokens = (value) => ({
  access: typeof value.access_token === 'string',
  refresh: typeof value.refresh_token === 'string',
  expires_in: value.expires_in,
  scope: value.scope,
})

// Let a session end without its client's knowledge.
async function revoked(t, auth) {
  const { access_token: token } = await auth.getCredentials()
  const headers = { Authorization: `Bearer ${token}` }
  await t.fetched(`${t.origin}/auth/v1/user/signout`, { method: 'POST', headers })
}

export const sessions = {
  async signIn(t) {
    const [auth, user] = [t.client(), await t.user()]
    const { username, password } = user
    const got = await t.call(() => auth.signIn({ username, password }))
    return { ...tokens(got), sub: got.sub === user.sub }
  },

  async 'signIn: by phone'(t) {
    const [auth, user] = [t.client(), await t.user()]
    const { phone_number: username, password } = user
    const got = await t.call(() => auth.signIn({ username, password }))
    return { sub: got.sub === user.sub }
  },

  async 'signIn: wrong password'(t) {
    const [auth, user] = [t.client(), await t.user()]
    const given = { username: user.username, password: 'Wrong1234!' }
    const error = await t.call(() => auth.signIn(given)).catch((refusal) => refusal)
    return { error: error.error, request_id: typeof error.requestId === 'string' }
  },

  async 'signIn: by code'(t) {
    const [auth, user] = [t.client(), await t.user()]
    const { phone_number: username } = user
    const token = await t.proof(auth, { phone_number: username })
    const got = await t.call(() => auth.signIn({ username, verification_token: token }))
    return { ...tokens(got), sub: got.sub === user.sub }
  },

  async signInAnonymously(t) {
    const auth = t.client()
    const got = await t.call(() => auth.signInAnonymously())
    const again = await auth.signInAnonymously()
    return { ...tokens(got), same_sub: got.sub === again.sub, groups: await auth.loginGroups() }
  },

  async 'getCredentials: anonymous, expired'(t) {
    const auth = t.client()
    const first = await auth.signInAnonymously()
    await t.wait(7200)
    const got = await t.call(() => auth.getCredentials())
    return { ...tokens(got), new_access: got.access_token !== first.access_token }
  },

  // Nothing is left to refresh with: the client signs in anew, with Basic and an empty secret.
  async 'getCredentials: anonymous, revoked'(t) {
    const auth = t.client()
    const first = await auth.signInAnonymously()
    await revoked(t, auth)
    await t.wait(7200)
    const got = await t.call(() => auth.getCredentials())
    return { ...tokens(got), same_sub: got.sub === first.sub }
  },

  async getCredentials(t) {
    const { auth } = await t.signedIn()
    const got = await t.call(() => auth.getCredentials())
    return { ...tokens(got), expires_at: got.expires_at instanceof Date }
  },

  async 'getCredentials: expired'(t) {
    const { auth } = await t.signedIn()
    const first = await auth.getCredentials()
    await t.wait(7200)
    const got = await t.call(() => auth.getCredentials())
    return {
      ...tokens(got),
      new_access: got.access_token !== first.access_token,
      new_refresh: got.refresh_token !== first.refresh_token,
    }
  },

  async 'getUserInfo: expired'(t) {
    const { auth, user } = await t.signedIn()
    await t.wait(7200)
    const got = await t.call(() => auth.getUserInfo())
    return { sub: got.sub === user.sub }
  },

  async refreshTokenForce(t) {
    const { auth } = await t.signedIn()
    const first = await auth.getCredentials()
    const got = await t.call(() => auth.refreshTokenForce({}))
    return { ...tokens(got), new_refresh: got.refresh_token !== first.refresh_token }
  },

  async 'refreshTokenForce: revoked'(t) {
    const { auth } = await t.signedIn()
    await revoked(t, auth)
    const refreshed = t.call(() => auth.refreshTokenForce({}))
    const error = await refreshed.catch((refusal) => refusal)
    return { error: error.error, still_signed_in: await auth.hasLoginState() }
  },

  async 'grantToken: refresh token'(t) {
    const { auth } = await t.signedIn()
    const { refresh_token } = await auth.getCredentials()
    const got = await t.call(() => auth.grantToken({ grant_type: 'refresh_token', refresh_token }))
    return tokens(got)
  },

  async 'grantToken: password'(t) {
    const { username, password } = await t.user()
    const given = { grant_type: 'password', username, password, client_id: t.env }
    const got = await t.call(() => t.client().grantToken(given))
    return tokens(got)
  },

  async hasLoginState(t) {
    const { auth } = await t.signedIn()
    const [now, before] = [await t.call(() => auth.hasLoginState()), await t.client().hasLoginState()]
    return { now, before }
  },

  async getLoginState(t) {
    const { auth } = await t.signedIn()
    const got = await t.call(() => auth.getLoginState())
    return { same: got.access_token === auth.hasLoginStateSync().access_token }
  },

  async loginScope(t) {
    const { auth } = await t.signedIn()
    return { scope: await t.call(() => auth.loginScope()) }
  },

  async loginGroups(t) {
    const { auth } = await t.signedIn()
    return { groups: await t.call(() => auth.loginGroups()) }
  },

  async getUserInfo(t) {
    const { auth, user } = await t.signedIn()
    const got = await t.call(() => auth.getUserInfo())
    const same = (name) => got[name] === user[name]
    return {
      same: ['sub', 'name', 'username', 'email', 'phone_number'].every(same),
      uid: got.uid === user.sub,
      status: got.status,
      groups: got.groups,
    }
  },

  async getUserProfile(t) {
    const { auth, user } = await t.signedIn()
    const got = await t.call(() => auth.getUserProfile({}))
    return { sub: got.sub === user.sub }
  },

  async 'signOut: revoke'(t) {
    const { auth } = await t.signedIn()
    await t.call(() => auth.signOut())
    return { signed_in: await auth.hasLoginState() }
  },

  async 'signOut: with parameters'(t) {
    const { auth } = await t.signedIn()
    const given = { redirect_uri: 'https://app.example/bye', state: 's1' }
    const got = await t.call(() => auth.signOut(given))
    return { ...got, signed_in: await auth.hasLoginState() }
  },

  async revokeDevice(t) {
    const { auth, user } = await t.signedIn()
    const other = t.client()
    await other.signIn({ username: user.username, password: user.password })
    await t.call(() => auth.revokeDevice({ device_id: other.device() }))
    const here = await auth.getUserInfo()
    const there = await other.getUserInfo().catch((refusal) => refusal)
    return { here: here.sub === user.sub, there: there.error }
  },

  async revokeAllDevices(t) {
    const { auth, user } = await t.signedIn()
    const other = t.client()
    await other.signIn({ username: user.username, password: user.password })
    await t.call(() => auth.revokeAllDevices())
    const there = await other.getUserInfo().catch((refusal) => refusal)
    return { there: there.error }
  },
}
