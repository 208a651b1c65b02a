--- Webhook events for the specs, as api.md section 10 shows them.
local M = {}

--- A cmb event's bytes. `fields` replaces payload fields (false drops one).
function M.cmb(id, fields)
  local p = { business_number = '"910000000001"', feature_set = '"Deliveries"', client_number = '"919000000001"', requested_at = '"1753945760"',
    requested_date = '"2026-08-02"', requested_slot = '"Saturday"', preferred_from_time = '"1754116200"', preferred_to_time = '"1754118000"',
    is_interested = "true", alternate_number = '""', cmb_config_name = '"Evening slots"' }
  for k, v in pairs(fields or {}) do p[k] = v or nil end
  local names, parts = {}, {}
  for k in pairs(p) do names[#names + 1] = k end
  table.sort(names)
  for _, k in ipairs(names) do parts[#parts + 1] = ('"%s": %s'):format(k, p[k]) end
  return ('{"event_id": "%s", "client_account_id": "acct-1", "event_type": "cmb", "created_at": "1753945760",\n "cmb_payload": {%s}}')
    :format(id, table.concat(parts, ", "))
end

M.UNREADABLE = { client_number = '"Phone number not available"', alternate_number = '"+91 90000 00002"' }
M.NOT_INTERESTED = { is_interested = "false", requested_date = '"NA"', requested_slot = '"NA"', preferred_from_time = "null",
  preferred_to_time = "null" }

function M.feedback(id, number)
  return ('{"event_id":"%s","client_account_id":"acct-1","event_type":"user_feedback","created_at":"1753946877",'
    .. '"survey_payload":{"name":"Delivery check","business_number":"+910000000001","feature_set":"Deliveries","client_number":"%s",'
    .. '"requested_at":"1753946877","user_responses":[{"question":"How was it?","response":"5"},{"question":"Why?","response":"\\u0936\\u0941"}]}}')
    :format(id, number or "919000000003")
end

return M
