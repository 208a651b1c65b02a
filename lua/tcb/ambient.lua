--- What the program around the library decided for every client made in it. Read by tcb.config, set by the host binary.
-- @module tcb.ambient
return {
  --- `--sandbox`: () -> { base_url, account, key_id, api_key, store = "memory" } | nil, err. Beats the environment, profiles and
  -- what a script names itself, unless that has a base_url on loopback.
  credentials = nil,
  --- `--profile NAME`: the profile of clients that name none.
  profile = nil,
}
