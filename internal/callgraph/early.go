package callgraph

// Early says what early code may do: see package entry.
//
// It is a statement of policy, not a list of what happens to be called: do not extend it to make
// a build pass. Code that is rejected here needs the runtime, now or with the next compiler;
// write it in another way.
var Early = Policy{
	Packages: []string{
		"util/applets/init/compat",
		"util/applets/init/descendants",
		"util/applets/init/entry",
		"util/applets/init/options",
		"util/applets/init/report",
		"util/applets/init/supervise",
		"util/applets/init/usage",
		"util/applets/runas/become",
		"util/applets/signal/bynumber",
		"util/internal/ascii",
		"util/internal/files",
		"util/internal/printable",
		"util/internal/proc",
		"util/internal/sig",
		"util/internal/sys",
		"util/internal/version",
	},
	Functions: map[string]string{
		"runtime.memmove": "assembly that needs no g and, as long as the features of the processor " +
			"are unknown, does not use them",
		"runtime.memequal":             "the same",
		"runtime.memclrNoHeapPointers": "the same",

		"memeqbody":        "a part of runtime.memequal",
		"equalbody":        "the same, on loong64",
		"memeqbodyclc":     "the same, on s390x: an instruction that EXRL executes",
		"memmove_exrl_mvc": "a part of runtime.memmove, on s390x: an instruction that EXRL executes",

		"runtime.duffzero": "assembly that writes zeros and uses no g; entered in the middle, where " +
			"the rest of its instructions are as many as are needed",
		"runtime.duffcopy": "the same, which copies",

		"internal/runtime/math.MulUintptr": "Go that multiplies and divides and uses no g; " +
			"unsafe.Slice needs it on arm and s390x, elsewhere it is an instruction",
		"runtime.int64div": "Go that divides numbers of 64 bits on 386 and arm. Its stack check " +
			"passes, as in early code",
		"runtime.int64mod":   "the same",
		"runtime.dodiv":      "a part of runtime.int64div and runtime.int64mod",
		"runtime.slowdodiv":  "a part of runtime.dodiv",
		"runtime._mul64by32": "the same: assembly",
		"runtime._div64by32": "the same",
		"runtime.udiv": "assembly that divides, for arm, and needs no g. As long as the features of " +
			"the processor are unknown, it uses no instruction for that",
	},
	NotExecuted: map[string]string{
		"_rt0_amd64_linux":   "the way out of util, when this is not init: the runtime boots",
		"_rt0_386_linux":     "the same",
		"_rt0_arm_linux":     "the same",
		"_rt0_arm64_linux":   "the same",
		"_rt0_loong64_linux": "the same",
		"_rt0_ppc64le_linux": "the same",
		"_rt0_riscv64_linux": "the same",
		"_rt0_s390x_linux":   "the same",

		"runtime.morestack_noctxt.abi0": "not reached: stackguard0 of the stand-in g " +
			"is 0, and the stack is the kernel's",
		"runtime.morestack_noctxt": "the same, where Go passes arguments on the stack: 386, arm",

		"runtime.gcWriteBarrier1": "not reached: runtime.writeBarrier is false before the " +
			"first garbage collection",
		"runtime.gcWriteBarrier2": "the same",
		"runtime.gcWriteBarrier3": "the same",
		"runtime.gcWriteBarrier4": "the same",
		"runtime.wbMove":          "the same",
		"runtime.wbZero":          "the same",

		"runtime.panicBounds": "reached by a bug only, which ends the process: " +
			"an index or slice out of range",
		"runtime.panicdivide":             "the same: division by zero",
		"runtime.panicunsafeslicelen":     "the same: unsafe.Slice of a negative length",
		"runtime.panicunsafestringlen":    "the same: unsafe.String of a negative length",
		"runtime.panicunsafestringnilptr": "the same: unsafe.String at nil",
	},
	Variables: map[string]string{
		"runtime.writeBarrier": "false before the first garbage collection",

		"internal/cpu.X86":             "the features of the processor, zeros until the runtime boots",
		"internal/cpu.ARM":             "the same",
		"internal/cpu.Loong64":         "the same",
		"internal/cpu.RISCV64":         "the same",
		"runtime.loong64HasLSX":        "the same",
		"runtime.memmoveBits":          "the same, on amd64",
		"runtime.arm64UseAlignedLoads": "the same, on arm64",
	},
	Tables: map[string]string{
		"util/applets/init/compat.catatonitTable": "the options of another init",
		"util/applets/init/compat.dumbInitTable":  "the same",
		"util/applets/init/compat.tiniTable":      "the same",
		"util/applets/init/compat.signalTexts":    "texts",
		"util/applets/init/options.Aliases":       "names of other inits",
		"util/applets/init/options.Table":         "the options",
		"util/applets/init/usage.words":           "sentences",
		"util/internal/printable.hidden":          "characters",
		"util/internal/sig.aliases":               "names",
		"util/internal/sig.names":                 "the same",
		"util/internal/version.number":            "a string that the linker sets",
		"util/internal/version.number.str":        "its text",
		"util/internal/version.commit":            "a string that the linker sets",
		"util/internal/version.commit.str":        "its text",
		"util/internal/version.date":              "a string that the linker sets",
		"util/internal/version.date.str":          "its text",
		"runtime.buildVersion":                    "a string that the linker sets",
		"runtime.buildVersion.str":                "its text",
	},
}
