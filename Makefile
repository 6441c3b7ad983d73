# The few commands that matter. Each installs what it needs first; all that a machine must have is Python 3.11+ and make.
PYTHON ?= python3
DO = @$(PYTHON) -m devtools.setup_machine

.PHONY: run desktop test quick test-deep coverage check format bench soak admin firebase deploy-check runtime deploy-plan deploy rollback rollback-plan preview preview-end federation openapi release site reset keyset lock web languages app brand how-true screenshots demo help

help:          ## list the commands
	@grep -hE '^[a-z-]+: .*##' Makefile | sed -E 's/: .*## /\t/' | expand -t 14

run:           ## start everything on this machine and print where to look; OBSERVE=1 prints each call as a tree
	$(DO) run

desktop:       ## the app in a window of its own, against a make run that runs already, with the same …_PORT settings
	$(DO) desktop

test:          ## every test; CI runs this and make check
	$(DO) test $(ARGS)

quick:         ## a minute of the tests that what you changed concerns, without emulators
	$(DO) quick $(ARGS)

test-deep:     ## the random searches alone, TEST_DEPTH (default 20) times as wide as make test makes them
	$(DO) test-deep $(ARGS)

coverage:      ## which lines the tests run, as a table; fails when backend or contract have less than 95 percent
	$(DO) coverage $(ARGS)

check:         ## lint, format, types
	$(DO) check

format:        ## put the code into its format
	$(DO) format

bench:         ## measure for five minutes, and print the tables of docs/performance.md; ARGS=all everything, ARGS=taps only that one; WRITE=1 keeps the figures in bench/results.json
	$(DO) bench $(ARGS)

soak:          ## kill function processes for MINUTES (default 2) while tokens expire, and count
	$(DO) soak $(MINUTES)

admin:         ## an administrator's command, such as ARGS="show"; PROJECT=your-project-id for a deployed project
	$(DO) admin $(ARGS)

firebase:      ## the firebase-tools that this project pins, such as ARGS="login"
	$(DO) firebase $(ARGS)

deploy-check:  ## what `firebase deploy` would validate, without a network
	$(DO) deploy-check

runtime:       ## how long Google supports the Python of the functions; fails a year before its end
	$(DO) runtime

deploy-plan:   ## every change that a deployment would make, and none made; PROJECT=your-project-id ALERT_EMAIL=you@example.com BUDGET=50
	$(DO) deploy-plan

deploy:        ## set PROJECT up where something is missing, and upload; it can be stopped and run again; DELETE=yes, ADOPT=yes (docs/deploy.md)
	$(DO) deploy $(ARGS)

rollback:      ## list the deployments of PROJECT; with TO=ID go back to one, after a plan and a yes
	$(DO) rollback

rollback-plan: ## what going back to TO=ID would change, and nothing changed
	$(DO) rollback-plan

preview:       ## show this tree's client at an address of its own; PROJECT=… CHANNEL=next EXPIRES=7
	$(DO) preview

preview-end:   ## end that preview
	$(DO) preview-end

federation:    ## let a workflow upload to PROJECT without a stored key; REPOSITORY=owner/name ENVIRONMENT=production
	$(DO) federation

openapi:       ## write docs/openapi.json and a TypeScript client from the contract
	$(DO) openapi

how-true:      ## write docs/how-true.md from the tests of the local org
	$(DO) how-true

languages:     ## bring the app's catalogues up to date with its texts; ARGS=fr begins a language
	$(DO) languages $(ARGS)

app:           ## build an app to install; ARGS=apk, aab, ipa, macos, windows or linux (docs/phones.md)
	$(DO) app $(ARGS)

brand:         ## write name, colours, icons and ids of app/brand.toml wherever they stand
	$(DO) brand

web:           ## build the web client into build/web
	$(DO) web

screenshots:   ## write a picture of every place into build/pictures; ARGS="de ja" for these languages
	$(DO) screenshots $(ARGS)

demo:          ## record the story that README shows
	$(DO) demo

release:       ## what a release consists of (wheel, bills of materials, licences), into build/release
	$(DO) release

site:          ## the docs as a site, into build/site
	$(DO) site

reset:         ## forget the state of the emulators and of the local org
	$(DO) reset

keyset:        ## print a new key for sealing tokens; PROJECT=your-project-id wraps it as that project's settings say
	$(DO) keyset

lock:          ## pin the newest allowed versions of all Python packages
	$(DO) lock
