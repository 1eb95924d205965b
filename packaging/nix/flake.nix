# nix run 'git+file:.?dir=packaging/nix' -- --debug ./media
{
  description = "A development media file server";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixpkgs-unstable";

  outputs = { self, nixpkgs }:
    let
      systems = [ "x86_64-linux" "aarch64-linux" "x86_64-darwin" "aarch64-darwin" ];
      each = build: nixpkgs.lib.genAttrs systems (system: build nixpkgs.legacyPackages.${system});
    in
    {
      packages = each (pkgs: rec {
        default = devmedia;
        devmedia =
          let
            cargo = (pkgs.lib.importTOML ../../Cargo.toml).package;
          in
          pkgs.rustPlatform.buildRustPackage {
            pname = cargo.name;
            inherit (cargo) version;
            src = ../..;
            cargoLock.lockFile = ../../Cargo.lock;
            nativeBuildInputs = [ pkgs.installShellFiles ];
            # they need a browser, nginx, Django and a network interface
            doCheck = false;
            postInstall = pkgs.lib.optionalString (pkgs.stdenv.buildPlatform.canExecute pkgs.stdenv.hostPlatform) ''
              $out/bin/devmedia man > devmedia.1
              installManPage devmedia.1
              installShellCompletion --cmd devmedia \
                --bash <($out/bin/devmedia completions bash) \
                --zsh <($out/bin/devmedia completions zsh) \
                --fish <($out/bin/devmedia completions fish)
            '';
            meta = {
              inherit (cargo) description;
              license = with pkgs.lib.licenses; [ mit asl20 ];
              mainProgram = cargo.name;
            };
          };
      });
    };
}
