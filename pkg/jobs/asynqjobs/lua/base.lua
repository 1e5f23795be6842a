-- int writes a number as an integer; Lua itself would round it to 14 digits.
local function int(n) return string.format('%.0f', n) end

