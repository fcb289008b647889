// Accounts at third parties.

const tokens = (got) => ({ access: typeof got.access_token === 'string', scope: got.scope })

export const providers = {
  async genProviderRedirectUri(t) {
    const given = {
      provider_id: 'github',
      provider_redirect_uri: 'https://app.example/back',
      state: 's1',
      other_params: { sign_out_uri: 'https://app.example/bye' },
    }
    const { uri } = await t.call(() => t.client().genProviderRedirectUri(given))
    return { state: new URL(uri).searchParams.get('state') }
  },

  async grantProviderToken(t) {
    const provider_redirect_uri = 'https://app.example/back'
    const given = { provider_id: 'github', provider_redirect_uri }
    const provider_code = await t.providerCode(provider_redirect_uri)
    const got = await t.call(() => t.client().grantProviderToken({ ...given, provider_code }))
    return {
      token: typeof got.provider_token === 'string',
      expires_in: got.expires_in,
      provider_id: got.provider_profile.provider_id,
    }
  },

  async 'grantProviderToken: parameters'(t) {
    const code = await t.providerCode()
    const provider_params = { provider_code_type: 'phone', appid: 'wx1', code }
    const given = { provider_id: 'github', provider_params }
    const got = await t.call(() => t.client().grantProviderToken(given))
    return { token: typeof got.provider_token === 'string' }
  },

  async patchProviderToken(t) {
    const provider_token = await t.providerToken()
    const code = await t.providerCode(undefined, { phone_number: '+86 13900000000' })
    const provider_params = { encryptedData: 'e', iv: 'i', code, provider_code_type: 'phone' }
    const given = { provider_token, provider_id: 'github', provider_params }
    const got = await t.call(() => t.client().patchProviderToken(given))
    const { phone_number: phone } = got.provider_profile
    return { token: got.provider_token !== provider_token, expires_in: got.expires_in, phone }
  },

  async signInWithProvider(t) {
    const [auth, provider_token] = [t.client(), await t.providerToken()]
    const got = await t.call(() => auth.signInWithProvider({ provider_token }))
    const me = await auth.getUserInfo()
    return { ...tokens(got), providers: me.providers.map(({ id }) => id) }
  },

  async 'signUp: provider'(t) {
    const [auth, provider_token] = [t.client(), await t.providerToken()]
    const got = await t.call(() => auth.signUp({ provider_token, name: 'New' }))
    return tokens(got)
  },

  async bindWithProvider(t) {
    const { auth } = await t.signedIn()
    const provider_token = await t.providerToken()
    await t.call(() => auth.bindWithProvider({ provider_token }))
    return { bound: await bound(auth) }
  },

  async toBindIdentity(t) {
    const { auth } = await t.signedIn()
    const provider_token = await t.providerToken()
    const got = await t.call(() => auth.toBindIdentity({ provider_token, provider: 'github' }))
    return { type: got.data.type, error: got.error, bound: await bound(auth) }
  },

  async getProviders(t) {
    const { auth } = await t.signedIn()
    await auth.bindWithProvider({ provider_token: await t.providerToken() })
    const got = await t.call(() => auth.getProviders())
    const listed = got.data.find(({ id }) => id === 'github')
    return { counted: got.total === got.data.length, bind: listed.bind }
  },

  async unbindProvider(t) {
    const { auth } = await t.signedIn()
    await auth.bindWithProvider({ provider_token: await t.providerToken() })
    await t.call(() => auth.unbindProvider({ provider_id: 'github' }))
    return { bound: await bound(auth) }
  },

  async changeBoundProvider(t) {
    const { auth } = await t.signedIn()
    await auth.bindWithProvider({ provider_token: await t.providerToken() })
    const given = { provider_id: 'github', trans_token: await t.providerToken() }
    const got = await t.call(() => auth.changeBoundProvider(given))
    return { client_id: got.client_id, bound: await bound(auth) }
  },

  async transByProvider(t) {
    const { auth } = await t.signedIn()
    const provider_token = await t.providerToken()
    return tokens(await t.call(() => auth.transByProvider({ provider_token })))
  },

  async signInWithCustomTicket(t) {
    const [auth, ticket] = [t.client(), await t.ticket()]
    auth.setCustomSignFunc(async () => ticket)
    return tokens(await t.call(() => auth.signInWithCustomTicket()))
  },

  async signInCustom(t) {
    const given = { provider_id: 'custom', ticket: await t.ticket() }
    return tokens(await t.call(() => t.client().signInCustom(given)))
  },

  async signInWithWechat(t) {
    return tokens(await t.call(() => t.client().signInWithWechat()))
  },
}

async function bound(auth) {
  const { data } = await auth.getProviders()
  return data.filter(({ bind }) => bind).map(({ id }) => id)
}
