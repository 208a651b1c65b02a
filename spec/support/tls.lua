--- Certificates for specs, made by openssl in one directory: ca.pem, other-ca.pem, and KEY.key/KEY.pem for good (localhost,
-- 127.0.0.1, api.spec.invalid), wronghost, expired.
local M = {}

local SCRIPT = [[
set -e; cd '%s'
new="-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
for ca in ca other-ca; do
  openssl req -x509 $new -keyout $ca.key -out $ca.pem -days 2 -subj "/CN=$ca" -addext basicConstraints=critical,CA:TRUE
done
sign() {
  openssl req $new -keyout $1.key -out $1.csr -subj "/CN=$1"
  printf 'subjectAltName=%%s\n' "$3" > $1.ext
  openssl x509 -req -in $1.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days $2 -extfile $1.ext -out $1.pem
}
sign good 1 DNS:localhost,IP:127.0.0.1,DNS:api.spec.invalid
sign wronghost 1 DNS:elsewhere.invalid
sign expired -1 DNS:localhost,IP:127.0.0.1
mkdir hashed && cp ca.pem hashed/ && openssl rehash hashed
]]

function M.make(directory)
  local status = os.execute("{ " .. SCRIPT:format(directory) .. "\n} >'" .. directory .. "/openssl.log' 2>&1")
  assert(status == true or status == 0, "openssl failed, see " .. directory .. "/openssl.log")
end

return M
