-- Starts busted inside the interpreter that runs this file. Specs end in _spec.lua; each file runs in its own environment.
require "busted.runner"({ standalone = false })
